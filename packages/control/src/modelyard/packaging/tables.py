"""Rows of bundles, and of the locks that environments are made from."""

from sqlalchemy import Column, ForeignKeyConstraint, Integer, String, Table, Text

from modelyard.db.changes import VOLATILE
from modelyard.db.types import Json, Timestamp, metadata
from modelyard.naming import MAX_NAME

locks = Table(
    "locks",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("text", Text, nullable=False),
    Column("created_at", Timestamp, nullable=False),
    info=VOLATILE,
)

bundles = Table(
    "bundles",
    metadata,
    Column("tenant_id", String(40), primary_key=True),
    Column("model_name", String(MAX_NAME), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("path", Text, nullable=False),
    Column("manifest_digest", String(64), nullable=False),
    Column("runtime", String(40), nullable=False),
    Column("lock_digest", String(64), nullable=False),
    Column("python", Text, nullable=False),
    Column("compilation", Json),
    Column("profile", Json),
    Column("created_at", Timestamp, nullable=False),
    ForeignKeyConstraint(
        ["tenant_id", "model_name", "version"], ["versions.tenant_id", "versions.model_name", "versions.version"]
    ),
    info=VOLATILE,
)
