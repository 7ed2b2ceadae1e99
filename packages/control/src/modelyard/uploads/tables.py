"""Rows of uploads. Their bytes are on the disk, in a folder for each."""

from sqlalchemy import BigInteger, Column, Index, String, Table

from modelyard.db.changes import VOLATILE
from modelyard.db.types import Json, Timestamp, metadata
from modelyard.naming import MAX_NAME

uploads = Table(
    "uploads",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("tenant_id", String(40), nullable=False),
    Column("model_name", String(MAX_NAME), nullable=False),
    Column("file_name", String(200), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("received", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("request", Json, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("status", String(20), nullable=False),
    Column("job_id", String(40)),
    Column("created_by", String(200), nullable=False),
    Column("created_at", Timestamp, nullable=False),
    Column("expires_at", Timestamp, nullable=False),
    # Of two that begin the same upload at once, the second goes on with the first's.
    Column("open_key", String(300), unique=True),
    Index("ix_uploads_tenant", "tenant_id", "status", "created_at"),
    Index("ix_uploads_expires_at", "status", "expires_at"),
    info=VOLATILE,
)
