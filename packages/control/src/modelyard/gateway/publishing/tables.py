"""Rows of published configurations, and of the nodes of the gateway."""

from sqlalchemy import Boolean, Column, Integer, String, Table, Text

from modelyard.db.changes import VOLATILE
from modelyard.db.types import Timestamp, metadata

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
