"""Rows of answered requests, and of what happened afterwards. They find each other in reports, whichever came first."""

from sqlalchemy import Column, Float, Index, Integer, String, Table

from modelyard.db.changes import VOLATILE
from modelyard.db.types import Timestamp, metadata
from modelyard.naming import MAX_NAME

answered_requests = Table(
    "answered_requests",
    metadata,
    Column("tenant_id", String(40), primary_key=True),
    Column("model_name", String(MAX_NAME), primary_key=True),
    Column("request_id", String(128), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("answered_at", Timestamp, nullable=False),
    Index("ix_answered_requests_answered_at", "answered_at"),
    info=VOLATILE,
)

outcomes = Table(
    "outcomes",
    metadata,
    Column("tenant_id", String(40), primary_key=True),
    Column("model_name", String(MAX_NAME), primary_key=True),
    Column("metric", String(100), primary_key=True),
    Column("request_id", String(128), primary_key=True),
    Column("value", Float, nullable=False),
    Column("recorded_at", Timestamp, nullable=False),
    Index("ix_outcomes_recorded_at", "recorded_at"),
    info=VOLATILE,
)
