"""Rows of splits: one for each model whose requests are divided."""

from sqlalchemy import Column, ForeignKeyConstraint, Integer, String, Table

from modelyard.db.changes import VOLATILE
from modelyard.db.types import Json, Timestamp, metadata
from modelyard.naming import MAX_NAME

traffic = Table(
    "gateway_traffic",
    metadata,
    Column("tenant_id", String(40), primary_key=True),
    Column("model_name", String(MAX_NAME), primary_key=True),
    Column("split", Json, nullable=False),
    Column("salt", String(40), nullable=False),
    Column("rollout_id", String(40)),
    Column("updated_by", String(200), nullable=False),
    Column("updated_at", Timestamp, nullable=False),
    Column("revision", Integer, nullable=False),
    ForeignKeyConstraint(["tenant_id", "model_name"], ["models.tenant_id", "models.name"]),
    info=VOLATILE,
)
