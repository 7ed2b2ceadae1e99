"""Rows of the audit log. Nothing updates or deletes them."""

from sqlalchemy import Column, Index, Integer, String, Table, Text

from modelyard.db.types import Json, Timestamp, metadata

audit_entries = Table(
    "audit_entries",
    metadata,
    Column("tenant_id", String(40), primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("at", Timestamp, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("action", String(60), nullable=False),
    Column("subject", String(300), nullable=False),
    Column("reason", Text, nullable=False),
    Column("before", Json),
    Column("after", Json),
    Column("previous_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Index("ix_audit_entries_subject", "tenant_id", "subject", "sequence"),
)
