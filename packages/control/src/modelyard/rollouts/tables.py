"""Rows of roll-outs, and the plans by which promotions of a model are rolled out."""

from sqlalchemy import Boolean, Column, ForeignKeyConstraint, Index, Integer, String, Table, Text, text

from modelyard.db.changes import VOLATILE
from modelyard.db.types import Json, Timestamp, metadata
from modelyard.naming import MAX_NAME

_UNDER_WAY = text("status NOT IN ('done', 'rolled_back')")

rollouts = Table(
    "rollouts",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("tenant_id", String(40), nullable=False),
    Column("model_name", String(MAX_NAME), nullable=False),
    Column("former", Integer, nullable=False),
    Column("candidate", Integer, nullable=False),
    Column("plan", Json, nullable=False),
    Column("status", String(20), nullable=False),
    Column("step", Integer, nullable=False),
    Column("step_since", Timestamp, nullable=False),
    Column("reason", Text),
    Column("progress", Json, nullable=False),
    Column("request_id", String(40)),
    Column("job_id", String(40)),
    Column("is_promoted", Boolean, nullable=False),
    Column("created_by", String(200), nullable=False),
    Column("created_at", Timestamp, nullable=False),
    Column("updated_at", Timestamp, nullable=False),
    Column("revision", Integer, nullable=False),
    ForeignKeyConstraint(["tenant_id", "model_name"], ["models.tenant_id", "models.name"]),
    Index(
        "uq_rollouts_one_under_way",
        "tenant_id",
        "model_name",
        unique=True,
        sqlite_where=_UNDER_WAY,
        postgresql_where=_UNDER_WAY,
    ),
    Index("ix_rollouts_tenant_id_created_at", "tenant_id", "created_at", "id"),
    info=VOLATILE,
)

rollout_plans = Table(
    "rollout_plans",
    metadata,
    Column("tenant_id", String(40), primary_key=True),
    Column("model_name", String(MAX_NAME), primary_key=True),
    Column("plan", Json, nullable=False),
    Column("updated_by", String(200), nullable=False),
    Column("updated_at", Timestamp, nullable=False),
    Column("revision", Integer, nullable=False),
    ForeignKeyConstraint(["tenant_id", "model_name"], ["models.tenant_id", "models.name"]),
    info=VOLATILE,
)
