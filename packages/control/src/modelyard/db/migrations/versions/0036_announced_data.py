"""The data that an announcement names for its run."""

import sqlalchemy as sa
from alembic import op

from modelyard.db.types import Json

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("schedule_runs", schema=None) as batch_op:
        batch_op.add_column(sa.Column("data", Json, nullable=False, server_default="{}"))


def downgrade() -> None:
    with op.batch_alter_table("schedule_runs", schema=None) as batch_op:
        batch_op.drop_column("data")
