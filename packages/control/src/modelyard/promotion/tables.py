"""Rows of policies, checks, requests and approvals."""

from sqlalchemy import Boolean, Column, ForeignKey, ForeignKeyConstraint, Index, Integer, String, Table, Text, text

from modelyard.db.changes import VOLATILE
from modelyard.db.types import Json, Timestamp, metadata
from modelyard.naming import MAX_NAME

policies = Table(
    "policies",
    metadata,
    Column("tenant_id", String(40), primary_key=True),
    Column("model_name", String(MAX_NAME), primary_key=True),
    Column("policy", Json, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("updated_at", Timestamp, nullable=False),
    Column("updated_by", String(200), nullable=False),
    ForeignKeyConstraint(["tenant_id", "model_name"], ["models.tenant_id", "models.name"]),
    info=VOLATILE,
)

version_checks = Table(
    "version_checks",
    metadata,
    Column("tenant_id", String(40), primary_key=True),
    Column("model_name", String(MAX_NAME), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("name", String(100), primary_key=True),
    Column("is_passed", Boolean, nullable=False),
    Column("details", Text, nullable=False),
    Column("recorded_at", Timestamp, nullable=False),
    Column("recorded_by", String(200), nullable=False),
    ForeignKeyConstraint(
        ["tenant_id", "model_name", "version"], ["versions.tenant_id", "versions.model_name", "versions.version"]
    ),
    info=VOLATILE,
)

requests = Table(
    "promotion_requests",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("tenant_id", String(40), nullable=False),
    Column("model_name", String(MAX_NAME), nullable=False),
    Column("version", Integer, nullable=False),
    Column("status", String(20), nullable=False),
    Column("comment", Text, nullable=False),
    Column("requested_by", String(200), nullable=False),
    Column("requested_at", Timestamp, nullable=False),
    # Who made the credential of who asked, and so on; NULL where that was not written down yet.
    Column("made_by", Json),
    Column("expires_at", Timestamp, nullable=False),
    Column("findings", Json, nullable=False),
    Column("evidence_digest", String(64), nullable=False),
    Column("needed_approvals", Integer, nullable=False),
    Column("decided_by", String(200)),
    Column("decided_at", Timestamp),
    Column("reason", Text),
    Column("revision", Integer, nullable=False),
    ForeignKeyConstraint(
        ["tenant_id", "model_name", "version"], ["versions.tenant_id", "versions.model_name", "versions.version"]
    ),
    Index("ix_promotion_requests_model", "tenant_id", "model_name", "requested_at", "id"),
    Index(
        "ix_promotion_requests_one_open",
        "tenant_id",
        "model_name",
        "version",
        unique=True,
        sqlite_where=text("status = 'requested'"),
        postgresql_where=text("status = 'requested'"),
    ),
    info=VOLATILE,
)

approvals = Table(
    "promotion_approvals",
    metadata,
    Column("request_id", String(40), ForeignKey("promotion_requests.id"), primary_key=True),
    Column("subject", String(200), primary_key=True),
    Column("at", Timestamp, nullable=False),
    Column("comment", Text, nullable=False),
    Column("made_by", Json),
    info=VOLATILE,
)
