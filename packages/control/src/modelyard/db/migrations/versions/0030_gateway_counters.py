"""What nodes of the gateway have counted."""

import sqlalchemy as sa
from alembic import op

from modelyard.db.types import Json, Timestamp

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "gateway_counters",
        sa.Column("node", sa.String(length=100), nullable=False),
        sa.Column("counters", Json, nullable=False),
        sa.Column("seen_at", Timestamp(), nullable=False),
        sa.PrimaryKeyConstraint("node", name=op.f("pk_gateway_counters")),
    )


def downgrade() -> None:
    op.drop_table("gateway_counters")
