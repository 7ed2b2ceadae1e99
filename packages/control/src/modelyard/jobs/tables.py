"""Rows of jobs."""

from sqlalchemy import Boolean, Column, Index, String, Table, Text, UniqueConstraint

from modelyard.db.changes import VOLATILE
from modelyard.db.types import Json, Timestamp, metadata
from modelyard.naming import MAX_NAME

jobs = Table(
    "jobs",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("tenant_id", String(40), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("status", String(20), nullable=False),
    Column("phase", String(20)),
    Column("model_name", String(MAX_NAME), nullable=False),
    Column("request", Json, nullable=False),
    # In the tracker, of a job that trains into one or stores there.
    Column("experiment_name", Text),
    Column("result", Json, nullable=False),
    Column("error_code", String(60)),
    Column("error_message", String(2000)),
    Column("idempotency_key", String(200)),
    Column("request_digest", String(64), nullable=False),
    Column("created_by", String(200), nullable=False),
    Column("created_at", Timestamp, nullable=False),
    Column("started_at", Timestamp),
    Column("finished_at", Timestamp),
    Column("is_cancel_requested", Boolean, nullable=False),
    UniqueConstraint("tenant_id", "idempotency_key"),
    Index("ix_jobs_tenant_id_created_at", "tenant_id", "created_at", "id"),
    Index("ix_jobs_status", "status"),
    Index("ix_jobs_experiment_name", "experiment_name", "tenant_id"),
    info=VOLATILE,
)
