"""Rows of published configurations, of the nodes of the gateway, and of what these refuse and have counted."""

from sqlalchemy import Boolean, Column, Integer, String, Table, Text

from modelyard.db.changes import VOLATILE
from modelyard.db.types import Json, Timestamp, metadata

gateway_configurations = Table(
    "gateway_configurations",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("digest", String(64), nullable=False),
    Column("content", Text, nullable=False),
    Column("published_at", Timestamp, nullable=False),
    info=VOLATILE,
)

gateway_nodes = Table(
    "gateway_nodes",
    metadata,
    Column("name", String(100), primary_key=True),
    Column("running", String(64)),
    Column("refused", String(64)),
    Column("reason", Text),
    Column("is_serving", Boolean, nullable=False),
    Column("host", String(255), nullable=False),
    Column("port", Integer, nullable=False),
    Column("tls_port", Integer),
    Column("envoy_version", String(40)),
    Column("problem", Text),
    Column("seen_at", Timestamp, nullable=False),
    info=VOLATILE,
)

gateway_refusals = Table(
    "gateway_refusals",
    metadata,
    Column("node", String(100), primary_key=True),
    Column("kind", String(20), primary_key=True),
    Column("name", String(500), primary_key=True),
    Column("tenant_id", String(40), nullable=False),
    Column("reason", Text, nullable=False),
    Column("since", Timestamp, nullable=False),
    info=VOLATILE,
)

gateway_counters = Table(
    "gateway_counters",
    metadata,
    Column("node", String(100), primary_key=True),
    Column("counters", Json, nullable=False),
    Column("seen_at", Timestamp, nullable=False),
    info=VOLATILE,
)
