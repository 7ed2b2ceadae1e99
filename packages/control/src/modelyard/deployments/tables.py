"""Rows of deployments, of their replacements, of the ports that they had, and of the one installation."""

from sqlalchemy import Column, ForeignKey, ForeignKeyConstraint, Index, Integer, String, Table, Text, text

from modelyard.db.changes import VOLATILE
from modelyard.db.types import Json, Timestamp, metadata
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
    Column("resources", Json, nullable=False, server_default="{}"),
    Column("autoscaling", Json),
    Column("image_digest", String(71)),
    Column("generation", Integer, nullable=False, server_default="1"),
    Column("desired_state", String(20), nullable=False, server_default="running"),
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

_UNDER_WAY = text("status IN ('building', 'starting', 'draining')")

replacements = Table(
    "replacements",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("deployment_id", String(40), ForeignKey(deployments.c.id), nullable=False),
    Column("from_version", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("status", String(20), nullable=False),
    Column("reason", Text),
    Column("job_id", String(40), nullable=False, unique=True),
    Column("created_by", String(200), nullable=False),
    Column("created_at", Timestamp, nullable=False),
    Column("updated_at", Timestamp, nullable=False),
    Index(
        "uq_replacements_one_under_way",
        "deployment_id",
        unique=True,
        sqlite_where=_UNDER_WAY,
        postgresql_where=_UNDER_WAY,
    ),
    Index("ix_replacements_deployment_id_generation", "deployment_id", "generation"),
    info=VOLATILE,
)

server_ports = Table(
    "server_ports",
    metadata,
    Column("target", String(40), primary_key=True),
    Column("port", Integer, primary_key=True, autoincrement=False),
    Column("tenant_id", String(40), nullable=False),
    Column("namespace", String(255), nullable=False),
    Column("model_name", String(255), nullable=False),
    Column("deployment_id", String(40), nullable=False),
    Column("released_at", Timestamp),
    Index("ix_server_ports_deployment_id", "deployment_id"),
    info=VOLATILE,
)

installation = Table(
    "installation",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("id", String(32), nullable=False),
    info=VOLATILE,
)
"""One row, whose number is 1."""
