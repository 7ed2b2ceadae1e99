"""Rows of what servers have counted: the last counters of each, windows of counts, and where drift was found."""

from sqlalchemy import Column, Index, Integer, String, Table

from modelyard.db.changes import VOLATILE
from modelyard.db.types import Json, Timestamp, metadata

drift_sources = Table(
    "drift_sources",
    metadata,
    Column("deployment_id", String(40), primary_key=True),
    Column("instance", String(200), primary_key=True),
    Column("profile", String(200), nullable=False),
    Column("counts", Json, nullable=False),
    Column("seen_at", Timestamp, nullable=False),
    Index("ix_drift_sources_seen_at", "seen_at"),
    info=VOLATILE,
)

drift_windows = Table(
    "drift_windows",
    metadata,
    Column("deployment_id", String(40), primary_key=True),
    Column("profile", String(200), primary_key=True),
    Column("starts_at", Timestamp, primary_key=True),
    Column("counts", Json, nullable=False),
    Index("ix_drift_windows_starts_at", "starts_at"),
    info=VOLATILE,
)

drift_findings = Table(
    "drift_findings",
    metadata,
    Column("deployment_id", String(40), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("features", Json, nullable=False),
    Column("found_at", Timestamp, nullable=False),
    info=VOLATILE,
)
