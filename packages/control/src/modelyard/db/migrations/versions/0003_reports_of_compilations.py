"""The report of its verified compilation belongs to a bundle."""

import sqlalchemy as sa
from alembic import op

from modelyard.db.types import Json

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("bundles", schema=None) as batch_op:
        batch_op.add_column(sa.Column("compilation", Json, nullable=True))
