"""Rows of holds. None is removed: one that was lifted has by whom."""

from sqlalchemy import Column, ForeignKeyConstraint, Index, Integer, String, Table, Text

from modelyard.db.changes import VOLATILE
from modelyard.db.types import Timestamp, metadata
from modelyard.naming import MAX_NAME

holds = Table(
    "retention_holds",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("tenant_id", String(40), nullable=False),
    Column("model_name", String(MAX_NAME), nullable=False),
    Column("version", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("until", Timestamp),
    Column("put_by", String(200), nullable=False),
    Column("put_at", Timestamp, nullable=False),
    Column("lifted_by", String(200)),
    Column("lifted_at", Timestamp),
    Column("lift_reason", Text),
    ForeignKeyConstraint(
        ["tenant_id", "model_name", "version"], ["versions.tenant_id", "versions.model_name", "versions.version"]
    ),
    Index("ix_retention_holds_version", "tenant_id", "model_name", "version"),
    Index("ix_retention_holds_put_at", "tenant_id", "model_name", "put_at", "id"),
    info=VOLATILE,
)
