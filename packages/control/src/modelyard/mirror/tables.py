"""Rows of links between the tracker's versions and ours, and of versions that were refused."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, String, Table, Text

from modelyard.db.changes import VOLATILE
from modelyard.db.types import Timestamp, metadata
from modelyard.naming import MAX_NAME
from modelyard.tracker_names import MAX_MIRROR_NAME

_NAME = String(MAX_MIRROR_NAME)

mirror_links = Table(
    "mirror_links",
    metadata,
    Column("tenant_id", String(40), primary_key=True),
    Column("model_name", String(MAX_NAME), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("tracker_name", _NAME, nullable=False),
    Column("tracker_version", Integer, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("is_released", Boolean, nullable=False),
    # Without a foreign key: a link outlives a version that is purged, so that it is never taken for a new one.
    # One version of the tracker's is one of ours: this is what keeps an import from happening twice.
    Index("ix_mirror_links_tracker", "tracker_name", "tracker_version", "made_at", unique=True),
    info=VOLATILE,
)

mirror_refusals = Table(
    "mirror_refusals",
    metadata,
    Column("tracker_name", _NAME, primary_key=True),
    Column("tracker_version", Integer, primary_key=True),
    Column("made_at", BigInteger, primary_key=True),
    Column("code", String(60), nullable=False),
    Column("reason", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt_at", Timestamp, nullable=False),
    info=VOLATILE,
)
