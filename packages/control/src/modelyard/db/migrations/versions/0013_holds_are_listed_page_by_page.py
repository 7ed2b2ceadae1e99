"""A page of a model's holds is looked up where the one before ended, however many there are."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_retention_holds_put_at", "retention_holds", ["tenant_id", "model_name", "put_at", "id"])
