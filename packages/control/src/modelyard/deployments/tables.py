"""Rows of deployments."""

from sqlalchemy import Boolean, Column, ForeignKeyConstraint, Index, Integer, String, Table, Text

from modelyard.db.changes import VOLATILE
from modelyard.db.types import Timestamp, metadata
from modelyard.naming import MAX_NAME

deployments = Table(
    "deployments",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("tenant_id", String(40), nullable=False),
    Column("namespace", String(MAX_NAME), nullable=False),
    Column("model_name", String(MAX_NAME), nullable=False),
    Column("version", Integer, nullable=False),
    Column("target", String(40), nullable=False),
    Column("replicas", Integer, nullable=False),
    Column("is_wanted", Boolean, nullable=False),
    Column("status", String(20), nullable=False),
    Column("reason", Text),
    Column("url", Text),
    Column("ready_replicas", Integer, nullable=False),
    Column("job_id", String(40), unique=True),
    Column("created_by", String(200), nullable=False),
    Column("created_at", Timestamp, nullable=False),
    Column("updated_at", Timestamp, nullable=False),
    ForeignKeyConstraint(
        ["tenant_id", "model_name", "version"], ["versions.tenant_id", "versions.model_name", "versions.version"]
    ),
    Index("ix_deployments_tenant_id_created_at", "tenant_id", "created_at", "id"),
    Index("ix_deployments_status", "status"),
    info=VOLATILE,
)
