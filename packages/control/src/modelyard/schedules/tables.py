"""Rows of schedules and of their runs. Of one schedule and occasion there is one run: the database holds that."""

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, Text

from modelyard.db.changes import VOLATILE
from modelyard.db.types import Json, Timestamp, metadata
from modelyard.naming import MAX_NAME

schedules = Table(
    "schedules",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("tenant_id", String(40), nullable=False),
    Column("model_name", String(MAX_NAME), nullable=False),
    Column("description", Text, nullable=False),
    Column("which", String(20), nullable=False),
    Column("cron", String(200)),
    Column("time_zone", String(100)),
    Column("event_type", String(60)),
    Column("changes", Json, nullable=False),
    Column("overlap", String(20), nullable=False),
    Column("missed", String(20), nullable=False),
    Column("status", String(20), nullable=False),
    Column("next_at", Timestamp),
    # A hash of the key in the address at which new data is announced.
    Column("key_digest", String(64)),
    Column("created_by", String(200), nullable=False),
    Column("scopes", Json),
    Column("made_by", Json, nullable=False),
    Column("created_at", Timestamp, nullable=False),
    Column("updated_at", Timestamp, nullable=False),
    Index("ix_schedules_tenant_id_created_at", "tenant_id", "created_at", "id"),
    Index("ix_schedules_next_at", "next_at"),
    Index("ix_schedules_event_type", "tenant_id", "event_type", "model_name"),
    info=VOLATILE,
)

schedule_runs = Table(
    "schedule_runs",
    metadata,
    Column("schedule_id", String(40), ForeignKey("schedules.id", ondelete="CASCADE"), primary_key=True),
    Column("occasion", String(120), primary_key=True),
    Column("tenant_id", String(40), nullable=False),
    Column("planned_at", Timestamp, nullable=False),
    Column("status", String(20), nullable=False),
    Column("job_id", String(40)),
    Column("reason", Text),
    Column("missed", Integer, nullable=False),
    # What its announcement named; it goes before what the schedule and the recipe name.
    Column("data", Json, nullable=False, server_default="{}"),
    Index("ix_schedule_runs_status", "status", "planned_at"),
    Index("ix_schedule_runs_schedule_id_planned_at", "schedule_id", "planned_at"),
    info=VOLATILE,
)
