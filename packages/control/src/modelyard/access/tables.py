"""Rows of tenants, members and tokens."""

from sqlalchemy import Column, ForeignKey, ForeignKeyConstraint, Index, String, Table

from modelyard.db.types import Json, Timestamp, metadata

tenants = Table(
    "tenants",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("name", String(100), nullable=False),
    # The most of each resource. Whoever makes something that is limited holds this row until the transaction ends.
    Column("quotas", Json, nullable=False),
    Column("created_at", Timestamp, nullable=False),
    Column("suspended_at", Timestamp),
    # Kept after a deletion, so that no other tenant ever has this id.
    Column("deleted_at", Timestamp),
)

members = Table(
    "members",
    metadata,
    Column("tenant_id", String(40), ForeignKey("tenants.id"), primary_key=True),
    Column("subject", String(200), primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("role", String(20), nullable=False),
    Column("created_at", Timestamp, nullable=False),
    Column("created_by", String(200), nullable=False),
    # Kept after a removal, since tokens and the audit log name it.
    Column("removed_at", Timestamp),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("tenant_id", String(40), nullable=False),
    Column("subject", String(200), nullable=False),
    Column("name", String(100), nullable=False),
    # NULL: the whole role.
    Column("scopes", Json),
    Column("digest", String(64), nullable=False, unique=True),
    Column("created_at", Timestamp, nullable=False),
    Column("created_by", String(200), nullable=False),
    # Who made it, and the credential that it was made with, and so on: none of them is somebody else than its owner.
    Column("made_by", Json, nullable=False),
    Column("expires_at", Timestamp),
    Column("revoked_at", Timestamp),
    Column("last_used_at", Timestamp),
    ForeignKeyConstraint(["tenant_id", "subject"], ["members.tenant_id", "members.subject"]),
    Index("ix_tokens_tenant_id_created_at", "tenant_id", "created_at", "id"),
)

# Of people in the console. A session outlives neither its token nor its member, which are asked at each use.
sessions = Table(
    "sessions",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("tenant_id", String(40), nullable=False),
    Column("subject", String(200), nullable=False),
    # NULL: an identity provider's token opened it. Its claims' role is in the next column, unless the member's counts.
    Column("token_id", String(40)),
    Column("role", String(20)),
    Column("opened_at", Timestamp, nullable=False),
    Column("expires_at", Timestamp, nullable=False),
    Column("last_used_at", Timestamp, nullable=False),
)
