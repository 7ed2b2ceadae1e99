"""Subscriptions are found by the hash of a key."""

from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

_INDEXES = {
    "ix_gateway_subscriptions_primary_digest": "primary_digest",
    "ix_gateway_subscriptions_secondary_digest": "secondary_digest",
}


def upgrade() -> None:
    with op.batch_alter_table("gateway_subscriptions", schema=None) as batch_op:
        for name, column in _INDEXES.items():
            batch_op.create_index(name, [column], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("gateway_subscriptions", schema=None) as batch_op:
        for name in _INDEXES:
            batch_op.drop_index(name)
