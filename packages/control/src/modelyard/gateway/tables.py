"""Rows of version sets, APIs, revisions and releases.

They are volatile: no cached response of the registry depends on them.
"""

from sqlalchemy import Boolean, Column, Float, ForeignKeyConstraint, Index, Integer, String, Table, Text

from modelyard.db.changes import VOLATILE
from modelyard.db.types import Json, Timestamp, metadata

version_sets = Table(
    "gateway_version_sets",
    metadata,
    Column("tenant_id", String(40), primary_key=True),
    Column("id", String(80), primary_key=True),
    Column("display_name", String(300), nullable=False),
    Column("description", Text, nullable=False),
    Column("scheme", String(10), nullable=False),
    Column("parameter", String(100)),
    Column("on_missing", String(10), nullable=False),
    Column("default_version", String(100)),
    Column("created_by", String(200), nullable=False),
    Column("created_at", Timestamp, nullable=False),
    Column("updated_at", Timestamp, nullable=False),
    Column("revision", Integer, nullable=False),
    info=VOLATILE,
)

apis = Table(
    "gateway_apis",
    metadata,
    Column("tenant_id", String(40), primary_key=True),
    Column("id", String(80), primary_key=True),
    Column("display_name", String(300), nullable=False),
    Column("description", Text, nullable=False),
    Column("path", String(400), nullable=False),
    Column("api_version", String(100)),
    # In lower case, and empty without a version: versions of one path differ by more than case.
    Column("version_key", String(100), nullable=False),
    Column("version_set_id", String(80)),
    Column("protocols", Json, nullable=False),
    Column("subscription_required", Boolean, nullable=False),
    Column("key_header", String(100), nullable=False),
    Column("key_query", String(100), nullable=False),
    Column("status", String(20), nullable=False),
    Column("deprecated_at", Timestamp),
    Column("sunset_at", Timestamp),
    Column("successor", String(80)),
    Column("notice_url", String(1000)),
    Column("current_revision", Integer),
    Column("latest_revision", Integer, nullable=False),
    Column("created_by", String(200), nullable=False),
    Column("created_at", Timestamp, nullable=False),
    Column("updated_at", Timestamp, nullable=False),
    Column("revision", Integer, nullable=False),
    ForeignKeyConstraint(
        ["tenant_id", "version_set_id"], ["gateway_version_sets.tenant_id", "gateway_version_sets.id"]
    ),
    Index("uq_gateway_apis_address", "tenant_id", "path", "version_key", unique=True),
    Index("ix_gateway_apis_version_set_id", "tenant_id", "version_set_id"),
    info=VOLATILE,
)

revisions = Table(
    "gateway_revisions",
    metadata,
    Column("tenant_id", String(40), primary_key=True),
    Column("api_id", String(80), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("target", Json, nullable=False),
    Column("description", Text, nullable=False),
    Column("timeout_seconds", Float),
    Column("is_online", Boolean, nullable=False),
    Column("created_by", String(200), nullable=False),
    Column("created_at", Timestamp, nullable=False),
    ForeignKeyConstraint(["tenant_id", "api_id"], ["gateway_apis.tenant_id", "gateway_apis.id"]),
    info=VOLATILE,
)

releases = Table(
    "gateway_releases",
    metadata,
    Column("tenant_id", String(40), primary_key=True),
    Column("api_id", String(80), primary_key=True),
    Column("id", String(80), primary_key=True),
    Column("number", Integer, nullable=False),
    Column("cause", String(20), nullable=False),
    Column("notes", Text, nullable=False),
    Column("before", Json),
    Column("after", Json, nullable=False),
    Column("created_by", String(200), nullable=False),
    Column("created_at", Timestamp, nullable=False),
    ForeignKeyConstraint(["tenant_id", "api_id"], ["gateway_apis.tenant_id", "gateway_apis.id"]),
    Index("uq_gateway_releases_number", "tenant_id", "api_id", "number", unique=True),
    info=VOLATILE,
)
