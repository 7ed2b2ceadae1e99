"""Rows of webhooks and of deliveries to them."""

from sqlalchemy import Column, Index, Integer, String, Table, Text

from modelyard.db.changes import VOLATILE
from modelyard.db.types import Json, Timestamp, metadata

webhooks = Table(
    "webhooks",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("tenant_id", String(40), nullable=False),
    Column("url", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("event_types", Json, nullable=False),
    Column("status", String(20), nullable=False),
    Column("reason", Text),
    Column("generation", Integer, nullable=False),
    Column("secret_digest", String(64), nullable=False),
    Column("previous_until", Timestamp),
    Column("created_at", Timestamp, nullable=False),
    Column("created_by", String(200), nullable=False),
    Column("updated_at", Timestamp, nullable=False),
    Column("revision", Integer, nullable=False),
    Index("ix_webhooks_tenant_id", "tenant_id", "created_at", "id"),
    info=VOLATILE,
)

# No foreign key: a change that makes an event must not fail because its webhook is deleted at that moment.
deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("tenant_id", String(40), nullable=False),
    Column("webhook_id", String(40), nullable=False),
    Column("kind", String(10), nullable=False),
    Column("sequence", Integer),  # Of the audit log's entry; NULL for a test.
    Column("event_type", String(60), nullable=False),
    Column("status", String(10), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt_at", Timestamp),  # NULL at the end.
    Column("claim", String(40)),  # The fencing number of who makes the attempt.
    Column("response_code", Integer),
    Column("latency_ms", Integer),
    Column("error", Text),
    Column("created_at", Timestamp, nullable=False),
    Column("finished_at", Timestamp),
    Index("ix_webhook_deliveries_due", "webhook_id", "next_attempt_at"),
    Index("ix_webhook_deliveries_log", "webhook_id", "created_at", "id"),
    Index("ix_webhook_deliveries_status", "webhook_id", "status", "created_at", "id"),
    Index("ix_webhook_deliveries_finished_at", "finished_at"),
    info=VOLATILE,
)
