"""Rows of messages that wait or were delivered."""

from sqlalchemy import Column, Index, Integer, String, Table, Text

from modelyard.db.changes import VOLATILE
from modelyard.db.types import Json, Timestamp, metadata

outbox = Table(
    "outbox",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("tenant_id", String(40), nullable=False),
    Column("topic", String(60), nullable=False),
    Column("payload", Json, nullable=False),
    Column("created_at", Timestamp, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt_at", Timestamp),  # NULL once it is delivered.
    Column("delivered_at", Timestamp),
    Column("last_error", Text),
    Index("ix_outbox_next_attempt_at", "next_attempt_at"),
    info=VOLATILE,
)
