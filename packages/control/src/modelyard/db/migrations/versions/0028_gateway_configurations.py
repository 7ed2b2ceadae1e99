"""Configurations of the gateway, and the nodes that run them."""

import sqlalchemy as sa
from alembic import op

from modelyard.db.types import Timestamp

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "gateway_configurations",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("published_at", Timestamp(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_gateway_configurations")),
    )
    op.create_table(
        "gateway_nodes",
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("running", sa.String(64)),
        sa.Column("refused", sa.String(64)),
        sa.Column("reason", sa.Text()),
        sa.Column("is_serving", sa.Boolean(), nullable=False),
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("tls_port", sa.Integer()),
        sa.Column("envoy_version", sa.String(40)),
        sa.Column("problem", sa.Text()),
        sa.Column("seen_at", Timestamp(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_gateway_nodes")),
    )
