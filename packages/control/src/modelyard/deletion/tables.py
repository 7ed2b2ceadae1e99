"""Rows of tombstones: one for each time that a version was deleted, with what went from the tracker with it."""

from sqlalchemy import Boolean, Column, ForeignKeyConstraint, Index, Integer, String, Table, Text

from modelyard.db.changes import VOLATILE
from modelyard.db.types import Timestamp, metadata
from modelyard.naming import MAX_NAME

tombstones = Table(
    "tombstones",
    metadata,
    Column("job_id", String(40), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("tenant_id", String(40), nullable=False),
    Column("model_name", String(MAX_NAME), nullable=False),
    Column("mode", Integer, nullable=False),
    Column("state", String(20), nullable=False),
    Column("deleted_at", Timestamp, nullable=False),
    Column("deleted_by", String(200), nullable=False),
    Column("purge_after", Timestamp, nullable=False),
    Column("model_uri", Text, nullable=False),
    # Of what the version was made of. Only one tombstone at a time has a run that went with it.
    Column("run_id", String(64)),
    Column("removed_run_id", String(64)),
    # The experiment's name while the job decides whether it goes; its id once it went.
    Column("claimed_experiment", Text),
    Column("removed_experiment_id", String(64)),
    # Whether the purge takes the files: not when a version that is there was made of the same ones.
    Column("takes_files", Boolean, nullable=False),
    Column("settled_at", Timestamp),
    ForeignKeyConstraint(
        ["tenant_id", "model_name", "version"], ["versions.tenant_id", "versions.model_name", "versions.version"]
    ),
    Index("ix_tombstones_version", "tenant_id", "model_name", "version"),
    Index("ix_tombstones_state_purge_after", "state", "purge_after"),
    Index("ix_tombstones_run_id", "run_id"),
    Index("ix_tombstones_model_uri", "model_uri"),
    Index("ix_tombstones_removed_run_id", "removed_run_id"),
    Index("ix_tombstones_claimed_experiment", "claimed_experiment"),
    info=VOLATILE,
)
