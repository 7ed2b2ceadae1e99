"""Subscriptions with names, by which files declare them; issuers of tokens that publish their keys at an address."""

import sqlalchemy as sa
from alembic import op

from modelyard.db.types import Timestamp

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("gateway_subscriptions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("name", sa.String(length=80), nullable=True))
        batch_op.create_index("uq_gateway_subscriptions_name", ["tenant_id", "name"], unique=True)
    with op.batch_alter_table("gateway_token_issuers", schema=None) as batch_op:
        batch_op.add_column(sa.Column("jwks_url", sa.String(length=2000), nullable=True))
        batch_op.add_column(sa.Column("jwks_asked_at", Timestamp(), nullable=True))
        batch_op.add_column(sa.Column("jwks_error", sa.String(length=500), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("gateway_token_issuers", schema=None) as batch_op:
        batch_op.drop_column("jwks_error")
        batch_op.drop_column("jwks_asked_at")
        batch_op.drop_column("jwks_url")
    with op.batch_alter_table("gateway_subscriptions", schema=None) as batch_op:
        batch_op.drop_index("uq_gateway_subscriptions_name")
        batch_op.drop_column("name")
