"""Rows of models, versions and their files. The database itself holds the laws: one number once, one production."""

from sqlalchemy import BigInteger, Column, ForeignKeyConstraint, Index, Integer, String, Table, Text, text

from modelyard.db.types import Json, Timestamp, metadata
from modelyard.registry.domain import MAX_PATH_LENGTH

models = Table(
    "models",
    metadata,
    Column("tenant_id", String(40), primary_key=True),
    Column("name", String(100), primary_key=True),
    Column("description", Text, nullable=False),
    Column("tags", Json, nullable=False),
    # The number of the newest version that ever was. It only grows, so that a number is never used twice.
    Column("last_version", Integer, nullable=False),
    Column("created_at", Timestamp, nullable=False),
    Column("updated_at", Timestamp, nullable=False),
    Column("deleted_at", Timestamp),
)

versions = Table(
    "versions",
    metadata,
    Column("tenant_id", String(40), primary_key=True),
    Column("model_name", String(100), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("stage", String(20), nullable=False),
    Column("model_uri", Text, nullable=False),
    Column("artifact_uri", Text, nullable=False),
    Column("run_id", String(64)),
    Column("experiment_name", Text),
    Column("description", Text, nullable=False),
    Column("tags", Json, nullable=False),
    Column("metrics", Json, nullable=False),
    Column("parameters", Json, nullable=False),
    Column("signature", Json),
    Column("manifest_digest", String(64), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("lock_digest", String(64)),
    Column("job_id", String(40), unique=True),
    Column("created_at", Timestamp, nullable=False),
    Column("created_by", String(200), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("deleted_at", Timestamp),
    ForeignKeyConstraint(["tenant_id", "model_name"], ["models.tenant_id", "models.name"]),
    Index(
        "ix_versions_one_production",
        "tenant_id",
        "model_name",
        unique=True,
        sqlite_where=text("stage = 'production'"),
        postgresql_where=text("stage = 'production'"),
    ),
    Index("ix_versions_run_id", "run_id"),
)

version_files = Table(
    "version_files",
    metadata,
    Column("tenant_id", String(40), primary_key=True),
    Column("model_name", String(100), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("path", String(MAX_PATH_LENGTH), primary_key=True),
    Column("sha256", String(64), nullable=False),
    Column("size", BigInteger, nullable=False),
    ForeignKeyConstraint(
        ["tenant_id", "model_name", "version"], ["versions.tenant_id", "versions.model_name", "versions.version"]
    ),
)
