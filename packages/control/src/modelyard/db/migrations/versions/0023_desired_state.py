"""A deployment has a desired state, which was a flag."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("deployments") as table:
        table.add_column(sa.Column("desired_state", sa.String(length=20), nullable=False, server_default="running"))
    deployments = sa.table("deployments", sa.column("is_wanted", sa.Boolean), sa.column("desired_state", sa.String))
    op.execute(deployments.update().where(sa.not_(deployments.c.is_wanted)).values(desired_state="stopped"))
    op.execute("ALTER TABLE deployments DROP COLUMN is_wanted")
