"""Rows of the audit log. Nothing updates or deletes them: triggers of the database refuse it."""

from sqlalchemy import Column, Index, Integer, String, Table, Text, text

from modelyard.db.changes import VOLATILE
from modelyard.db.types import Json, Timestamp, metadata
from modelyard.naming import MAX_NAME

IN_PRODUCTION = "version.production"
"""The action with which a version comes into production."""

audit_entries = Table(
    "audit_entries",
    metadata,
    Column("tenant_id", String(40), primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("at", Timestamp, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("action", String(60), nullable=False),
    Column("subject", String(400), nullable=False),
    Column("reason", Text, nullable=False),
    Column("before", Json),
    Column("after", Json),
    Column("previous_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    # Taken from the subject and from `after`, to be found by; they tell nothing new, so no hash is over them.
    Column("model_name", String(MAX_NAME)),
    Column("version", Integer),
    Index("ix_audit_entries_subject", "tenant_id", "subject", "sequence"),
    Index("ix_audit_entries_at", "tenant_id", "at", "sequence"),
    Index("ix_audit_entries_model", "tenant_id", "model_name", "sequence"),
    Index("ix_audit_entries_actor", "tenant_id", "actor", "sequence"),
    Index("ix_audit_entries_action", "tenant_id", "action", "sequence"),
    Index(
        "ix_audit_entries_production",
        "tenant_id",
        "model_name",
        "sequence",
        sqlite_where=text(f"action = '{IN_PRODUCTION}'"),
        postgresql_where=text(f"action = '{IN_PRODUCTION}'"),
    ),
    info=VOLATILE,
)
