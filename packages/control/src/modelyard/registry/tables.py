"""Rows of models, versions and their files. The database itself holds the laws: one number once, one production."""

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    text,
)

from modelyard.db.changes import VOLATILE
from modelyard.db.types import Json, Timestamp, metadata
from modelyard.naming import MAX_LABEL, MAX_NAME
from modelyard.registry.domain import MAX_PATH_LENGTH
from modelyard.registry.metrics import MAX_METRIC_NAME
from modelyard.tracker_names import MAX_MIRROR_NAME

models = Table(
    "models",
    metadata,
    Column("tenant_id", String(40), primary_key=True),
    Column("name", String(MAX_NAME), primary_key=True),
    # Both are given once (labels.py), and no other model gets them.
    Column("label", String(MAX_LABEL), nullable=False, server_default=""),
    Column("mirror_name", String(MAX_MIRROR_NAME), nullable=False, server_default=""),
    Column("description", Text, nullable=False),
    Column("tags", Json, nullable=False),
    # The number of the newest version that ever was. It only grows, so that a number is never used twice.
    Column("last_version", Integer, nullable=False),
    Column("created_at", Timestamp, nullable=False),
    Column("updated_at", Timestamp, nullable=False),
    # The job that deletes it, or has deleted it; NULL for one that is there to stay.
    Column("deletion_job_id", String(40)),
    Column("deleted_at", Timestamp),
    Column("owners", Json, nullable=False, server_default="[]"),
    # Counts every change of the model and of what is below it.
    Column("revision", Integer, nullable=False, server_default="1"),
    Index("ix_models_label", "tenant_id", "label", unique=True),
    Index("ix_models_mirror_name", "mirror_name", unique=True),
    Index("ix_models_created_at", "tenant_id", "created_at", "name"),
    Index("ix_models_updated_at", "tenant_id", "updated_at", "name"),
)

versions = Table(
    "versions",
    metadata,
    Column("tenant_id", String(40), primary_key=True),
    Column("model_name", String(MAX_NAME), primary_key=True),
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
    # The job that deletes it, or has deleted it; NULL for one that is there to stay.
    Column("deletion_job_id", String(40)),
    Column("deleted_at", Timestamp),
    # NULL for a version that was registered before datasets were written down.
    Column("datasets", Json),
    # Those of `metrics` that a caller gave, and those that contradict what a run has measured.
    Column("claimed_metrics", Json, nullable=False, server_default="{}"),
    # What the platform knows besides the columns here (provenance.py).
    Column("provenance", Json, nullable=False, server_default="{}"),
    Column("script_sha256", String(64)),
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
    # PostgreSQL's other indexes hold no value as long as an address may be.
    Index("ix_versions_artifact_uri", "artifact_uri", postgresql_using="hash"),
    Index("ix_versions_stage", "tenant_id", "model_name", "stage", "version"),
    Index("ix_versions_deletion_job_id", "deletion_job_id"),
    Index("ix_versions_script_sha256", "tenant_id", "script_sha256"),
    *(
        Index(
            f"ix_versions_{column}",
            column,
            sqlite_where=text("deleted_at IS NULL"),
            postgresql_where=text("deleted_at IS NULL"),
        )
        for column in ("experiment_name", "model_uri")
    ),
)

version_files = Table(
    "version_files",
    metadata,
    Column("tenant_id", String(40), primary_key=True),
    Column("model_name", String(MAX_NAME), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("path", String(MAX_PATH_LENGTH), primary_key=True),
    Column("sha256", String(64), nullable=False),
    Column("size", BigInteger, nullable=False),
    ForeignKeyConstraint(
        ["tenant_id", "model_name", "version"], ["versions.tenant_id", "versions.model_name", "versions.version"]
    ),
    info=VOLATILE,
)

# Runs of jobs, and what they said at the job's end (job_runs.py). Without a foreign key: a job's run stays its own.
job_runs = Table(
    "job_runs",
    metadata,
    Column("source", String(500), primary_key=True),
    Column("tenant_id", String(40), nullable=False),
    Column("job_id", String(40), nullable=False),
    Column("metrics", Json, nullable=False),
    Column("parameters", Json, nullable=False),
    Column("models", Json, nullable=False),
    Column("lock_digest", String(64)),
    Column("script_sha256", String(64)),
    Column("provenance", Json, nullable=False),
    Column("bound_at", Timestamp, nullable=False),
    Index("ix_job_runs_job_id", "job_id"),
    info=VOLATILE,
)

# What a search looks up. The JSON of the row is the truth; these are written with it, in the same transaction, and a
# tag is its digest, which fits into an index whatever the tag's length (docs/decisions/0301-search-by-indexed-rows.md).
# SQLite keeps them in the order of their key, without a second copy.
model_owners = Table(
    "model_owners",
    metadata,
    Column("tenant_id", String(40), primary_key=True),
    Column("owner", String(200), primary_key=True),
    Column("model_name", String(MAX_NAME), primary_key=True),
    ForeignKeyConstraint(["tenant_id", "model_name"], ["models.tenant_id", "models.name"], ondelete="CASCADE"),
    Index("ix_model_owners_model", "tenant_id", "model_name"),
    sqlite_with_rowid=False,
)

model_tags = Table(
    "model_tags",
    metadata,
    Column("tenant_id", String(40), primary_key=True),
    Column("digest", String(32), primary_key=True),
    Column("model_name", String(MAX_NAME), primary_key=True),
    ForeignKeyConstraint(["tenant_id", "model_name"], ["models.tenant_id", "models.name"], ondelete="CASCADE"),
    Index("ix_model_tags_model", "tenant_id", "model_name"),
    sqlite_with_rowid=False,
)

version_tags = Table(
    "version_tags",
    metadata,
    Column("tenant_id", String(40), primary_key=True),
    Column("digest", String(32), primary_key=True),
    Column("model_name", String(MAX_NAME), primary_key=True),
    Column("version", Integer, primary_key=True),
    ForeignKeyConstraint(
        ["tenant_id", "model_name", "version"],
        ["versions.tenant_id", "versions.model_name", "versions.version"],
        ondelete="CASCADE",
    ),
    Index("ix_version_tags_version", "tenant_id", "model_name", "version"),
    sqlite_with_rowid=False,
)

version_metrics = Table(
    "version_metrics",
    metadata,
    Column("tenant_id", String(40), primary_key=True),
    Column("model_name", String(MAX_NAME), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("name", String(MAX_METRIC_NAME), primary_key=True),
    Column("value", Float(53), nullable=False),
    ForeignKeyConstraint(
        ["tenant_id", "model_name", "version"],
        ["versions.tenant_id", "versions.model_name", "versions.version"],
        ondelete="CASCADE",
    ),
    Index("ix_version_metrics_value", "tenant_id", "name", "model_name", "value", "version"),
    sqlite_with_rowid=False,
)

# Who has a tag, as sets of numbers (search_sets.py). They are made of the rows above, and written with them.
search_slots = Table(
    "search_slots",
    metadata,
    Column("tenant_id", String(40), primary_key=True),
    Column("slot", Integer, primary_key=True, autoincrement=False),
    Column("model_name", String(MAX_NAME), nullable=False),
    Column("block", Integer, nullable=False),
    ForeignKeyConstraint(["tenant_id", "model_name"], ["models.tenant_id", "models.name"]),
    Index("ix_search_slots_model", "tenant_id", "model_name", "block", unique=True),
)

search_sets = Table(
    "search_sets",
    metadata,
    Column("tenant_id", String(40), primary_key=True),
    Column("digest", String(32), primary_key=True),
    Column("kind", String(8), primary_key=True),
    Column("page", Integer, primary_key=True, autoincrement=False),
    Column("members", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
