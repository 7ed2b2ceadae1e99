"""Images whose push was begun: only those may be in a registry."""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("images", schema=None) as batch_op:
        # Of images that are there already nobody knows: they may have been pushed.
        batch_op.add_column(sa.Column("is_push_begun", sa.Boolean(), server_default=sa.true(), nullable=False))
    with op.batch_alter_table("images", schema=None) as batch_op:
        batch_op.alter_column("is_push_begun", server_default=sa.false())


def downgrade() -> None:
    with op.batch_alter_table("images", schema=None) as batch_op:
        batch_op.drop_column("is_push_begun")
