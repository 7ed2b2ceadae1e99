"""Reads and writes tenants and tokens."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from modelyard.access.domain import Role, Token
from modelyard.access.tables import tenants, tokens
from modelyard.db.statements import insert_new


def has_tokens(connection: Connection) -> bool:
    """Whether anybody has ever been given a token."""
    return connection.execute(select(tokens.c.id).limit(1)).first() is not None


def add_tenant(connection: Connection, *, tenant_id: str, name: str, created_at: datetime) -> None:
    """Insert the tenant if it is not there, and keep its row locked until the transaction ends."""
    insert_new(connection, tenants, id=tenant_id, name=name, created_at=created_at)
    connection.execute(select(tenants.c.id).where(tenants.c.id == tenant_id).with_for_update())


def add_token(connection: Connection, token: Token) -> None:
    """Insert a token."""
    connection.execute(
        insert(tokens).values(
            id=token.token_id,
            tenant_id=token.tenant_id,
            subject=token.subject,
            role=token.role,
            digest=token.digest,
            created_at=token.created_at,
            expires_at=token.expires_at,
            revoked_at=token.revoked_at,
        )
    )


def find_token(connection: Connection, digest: str) -> Token | None:
    """The token of this digest."""
    row = connection.execute(select(tokens).where(tokens.c.digest == digest)).first()
    return None if row is None else _token(row)


def _token(row: Row[Any]) -> Token:
    return Token(
        token_id=row.id,
        tenant_id=row.tenant_id,
        subject=row.subject,
        role=Role(row.role),
        digest=row.digest,
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
    )
