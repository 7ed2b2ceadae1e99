"""Rows of products, subscriptions, issuers of tokens, limits of APIs, and usage.

They are volatile: no cached response of the registry depends on them.
"""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, String, Table, Text

from modelyard.db.changes import VOLATILE
from modelyard.db.types import Json, Timestamp, metadata

products = Table(
    "gateway_products",
    metadata,
    Column("tenant_id", String(40), primary_key=True),
    Column("id", String(80), primary_key=True),
    Column("display_name", String(300), nullable=False),
    Column("description", Text, nullable=False),
    Column("api_ids", Json, nullable=False),
    Column("is_open", Boolean, nullable=False),
    Column("limits", Json, nullable=False),
    Column("created_by", String(200), nullable=False),
    Column("created_at", Timestamp, nullable=False),
    Column("updated_at", Timestamp, nullable=False),
    Column("revision", Integer, nullable=False),
    info=VOLATILE,
)

subscriptions = Table(
    "gateway_subscriptions",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("tenant_id", String(40), nullable=False),
    Column("name", String(80)),  # NULL: no file declares it, or it is cancelled.
    Column("display_name", String(300), nullable=False),
    Column("scope_kind", String(10), nullable=False),
    Column("scope_name", String(255)),
    Column("status", String(20), nullable=False),
    Column("primary_digest", String(64), nullable=False),
    Column("secondary_digest", String(64), nullable=False),
    Column("primary_changed_at", Timestamp, nullable=False),
    Column("secondary_changed_at", Timestamp, nullable=False),
    Column("expires_at", Timestamp),
    Column("issuer_id", String(80)),
    Column("client", String(200)),
    Column("limits", Json, nullable=False),
    Column("created_by", String(200), nullable=False),
    Column("created_at", Timestamp, nullable=False),
    Column("updated_at", Timestamp, nullable=False),
    Column("revision", Integer, nullable=False),
    Index("ix_gateway_subscriptions_tenant_id", "tenant_id", "created_at", "id"),
    Index("ix_gateway_subscriptions_primary_digest", "primary_digest"),
    Index("ix_gateway_subscriptions_secondary_digest", "secondary_digest"),
    Index("uq_gateway_subscriptions_client", "tenant_id", "issuer_id", "client", unique=True),
    Index("uq_gateway_subscriptions_name", "tenant_id", "name", unique=True),
    info=VOLATILE,
)

issuers = Table(
    "gateway_token_issuers",
    metadata,
    Column("tenant_id", String(40), primary_key=True),
    Column("id", String(80), primary_key=True),
    Column("issuer", String(2000), nullable=False),
    Column("audiences", Json, nullable=False),
    Column("jwks", Text, nullable=False),  # The last good ones.
    Column("jwks_url", String(2000)),  # Where it publishes them; NULL: they were given.
    Column("jwks_asked_at", Timestamp),
    Column("jwks_error", String(500)),  # Why the last look there found none.
    Column("client_claim", String(100), nullable=False),
    Column("required_claims", Json, nullable=False),
    Column("created_by", String(200), nullable=False),
    Column("created_at", Timestamp, nullable=False),
    Column("updated_at", Timestamp, nullable=False),
    Column("revision", Integer, nullable=False),
    info=VOLATILE,
)

api_limits = Table(
    "gateway_api_limits",
    metadata,
    Column("tenant_id", String(40), primary_key=True),
    Column("api_id", String(80), primary_key=True),
    Column("limits", Json, nullable=False),
    Column("updated_at", Timestamp, nullable=False),
    Column("revision", Integer, nullable=False),
    info=VOLATILE,
)

# One row for each hour, caller and API: quotas are sums of them.
usage = Table(
    "gateway_usage",
    metadata,
    Column("tenant_id", String(40), primary_key=True),
    Column("hour", Timestamp, primary_key=True),
    Column("subscription_id", String(40), primary_key=True),  # Empty: without a subscription.
    Column("scope", String(280), primary_key=True),
    Column("calls", BigInteger, nullable=False),
    Column("refused", BigInteger, nullable=False),  # By a limit; they are not among the calls.
    Column("over_limit", BigInteger, nullable=False),  # Calls that a limit would have refused that only counts.
    Column("failed", BigInteger, nullable=False),  # Calls with a status of 500 or more.
    Column("last_at", Timestamp, nullable=False),
    Index("ix_gateway_usage_subscription_id", "tenant_id", "subscription_id", "hour"),
    Index("ix_gateway_usage_scope", "tenant_id", "scope", "hour"),
    info=VOLATILE,
)

usage_reports = Table(
    "gateway_usage_reports",
    metadata,
    Column("node", String(100), primary_key=True),
    Column("number", BigInteger, nullable=False),  # Of the last report that was counted.
    Column("reported_at", Timestamp, nullable=False),
    info=VOLATILE,
)
