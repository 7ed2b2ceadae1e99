"""Parts of configurations that nodes of the gateway refuse."""

import sqlalchemy as sa
from alembic import op

from modelyard.db.types import Timestamp

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "gateway_refusals",
        sa.Column("node", sa.String(100), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("name", sa.String(500), nullable=False),
        sa.Column("tenant_id", sa.String(40), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("since", Timestamp, nullable=False),
        sa.PrimaryKeyConstraint("node", "kind", "name", name=op.f("pk_gateway_refusals")),
    )


def downgrade() -> None:
    op.drop_table("gateway_refusals")
