"""Whether another version uses an experiment or the files of one that goes is looked up, however many there are."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for column in ("experiment_name", "model_uri"):
        op.create_index(
            f"ix_versions_{column}",
            "versions",
            [column],
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        )
