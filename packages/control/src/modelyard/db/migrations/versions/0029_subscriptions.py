"""Products, subscriptions, issuers of tokens, limits of APIs, and usage."""

import sqlalchemy as sa
from alembic import op

from modelyard.db.types import Json, Timestamp

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "gateway_products",
        sa.Column("tenant_id", sa.String(length=40), nullable=False),
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("display_name", sa.String(length=300), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("api_ids", Json, nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("limits", Json, nullable=False),
        *_kept(),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_gateway_products")),
    )
    op.create_table(
        "gateway_subscriptions",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("tenant_id", sa.String(length=40), nullable=False),
        sa.Column("display_name", sa.String(length=300), nullable=False),
        sa.Column("scope_kind", sa.String(length=10), nullable=False),
        sa.Column("scope_name", sa.String(length=255), nullable=True),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("primary_digest", sa.String(length=64), nullable=False),
        sa.Column("secondary_digest", sa.String(length=64), nullable=False),
        sa.Column("primary_changed_at", Timestamp(), nullable=False),
        sa.Column("secondary_changed_at", Timestamp(), nullable=False),
        sa.Column("expires_at", Timestamp(), nullable=True),
        sa.Column("issuer_id", sa.String(length=80), nullable=True),
        sa.Column("client", sa.String(length=200), nullable=True),
        sa.Column("limits", Json, nullable=False),
        *_kept(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gateway_subscriptions")),
    )
    op.create_index(
        "ix_gateway_subscriptions_tenant_id", "gateway_subscriptions", ["tenant_id", "created_at", "id"], unique=False
    )
    op.create_index(
        "uq_gateway_subscriptions_client", "gateway_subscriptions", ["tenant_id", "issuer_id", "client"], unique=True
    )
    op.create_table(
        "gateway_token_issuers",
        sa.Column("tenant_id", sa.String(length=40), nullable=False),
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("issuer", sa.String(length=2000), nullable=False),
        sa.Column("audiences", Json, nullable=False),
        sa.Column("jwks", sa.Text(), nullable=False),
        sa.Column("client_claim", sa.String(length=100), nullable=False),
        sa.Column("required_claims", Json, nullable=False),
        *_kept(),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_gateway_token_issuers")),
    )
    op.create_table(
        "gateway_api_limits",
        sa.Column("tenant_id", sa.String(length=40), nullable=False),
        sa.Column("api_id", sa.String(length=80), nullable=False),
        sa.Column("limits", Json, nullable=False),
        sa.Column("updated_at", Timestamp(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "api_id", name=op.f("pk_gateway_api_limits")),
    )
    op.create_table(
        "gateway_usage",
        sa.Column("tenant_id", sa.String(length=40), nullable=False),
        sa.Column("hour", Timestamp(), nullable=False),
        sa.Column("subscription_id", sa.String(length=40), nullable=False),
        sa.Column("scope", sa.String(length=280), nullable=False),
        sa.Column("calls", sa.BigInteger(), nullable=False),
        sa.Column("refused", sa.BigInteger(), nullable=False),
        sa.Column("over_limit", sa.BigInteger(), nullable=False),
        sa.Column("failed", sa.BigInteger(), nullable=False),
        sa.Column("last_at", Timestamp(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "hour", "subscription_id", "scope", name=op.f("pk_gateway_usage")),
    )
    op.create_index(
        "ix_gateway_usage_subscription_id", "gateway_usage", ["tenant_id", "subscription_id", "hour"], unique=False
    )
    op.create_index("ix_gateway_usage_scope", "gateway_usage", ["tenant_id", "scope", "hour"], unique=False)
    op.create_table(
        "gateway_usage_reports",
        sa.Column("node", sa.String(length=100), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("reported_at", Timestamp(), nullable=False),
        sa.PrimaryKeyConstraint("node", name=op.f("pk_gateway_usage_reports")),
    )


def _kept() -> list[sa.Column[object]]:
    return [
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("created_at", Timestamp(), nullable=False),
        sa.Column("updated_at", Timestamp(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
    ]
