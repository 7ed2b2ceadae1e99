"""Rows of images. Their bytes are in the layout of the home, and in registries."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKeyConstraint, Index, Integer, String, Table, Text, false

from modelyard.db.changes import VOLATILE
from modelyard.db.types import Json, Timestamp, metadata
from modelyard.naming import MAX_NAME

images = Table(
    "images",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("tenant_id", String(40), nullable=False),
    Column("model_name", String(MAX_NAME), nullable=False),
    Column("version", Integer, nullable=False),
    Column("repository", String(400), nullable=False),
    Column("tag", String(128), nullable=False),
    Column("state", String(20), nullable=False),
    Column("reason", Text),
    Column("digest", String(71)),
    Column("config_digest", String(71)),
    Column("size", BigInteger),
    Column("layers", Json),
    Column("platform", String(40)),
    Column("base_digest", String(71)),
    Column("bundle_digest", String(64)),
    Column("lock_digest", String(64)),
    Column("is_push_begun", Boolean, nullable=False, server_default=false()),
    Column("job_id", String(40), unique=True),
    Column("created_by", String(200), nullable=False),
    Column("created_at", Timestamp, nullable=False),
    Column("updated_at", Timestamp, nullable=False),
    ForeignKeyConstraint(
        ["tenant_id", "model_name", "version"], ["versions.tenant_id", "versions.model_name", "versions.version"]
    ),
    Index("ix_images_tenant_id_created_at", "tenant_id", "created_at", "id"),
    Index("ix_images_version", "tenant_id", "model_name", "version"),
    Index("ix_images_digest", "tenant_id", "digest"),
    info=VOLATILE,
)
