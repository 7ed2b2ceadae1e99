"""Reads and writes tokens: their hashes, never their secrets."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, desc, func, insert, or_, select, tuple_, update

from modelyard.access.domain import Member, Token
from modelyard.access.store import member_of
from modelyard.access.tables import members, tokens
from modelyard.paging import Page, decode_time_cursor, encode_time_cursor
from modelyard.principals import Permission


def has_tokens(connection: Connection) -> bool:
    """Whether anybody has ever been given a token."""
    return connection.execute(select(tokens.c.id).limit(1)).first() is not None


def add_token(connection: Connection, token: Token) -> None:
    """Insert a token."""
    connection.execute(
        insert(tokens).values(
            id=token.token_id,
            tenant_id=token.tenant_id,
            subject=token.subject,
            name=token.name,
            scopes=None if token.scopes is None else sorted(token.scopes),
            digest=token.digest,
            created_at=token.created_at,
            created_by=token.created_by,
            made_by=sorted(token.made_by),
            expires_at=token.expires_at,
            revoked_at=token.revoked_at,
            last_used_at=token.last_used_at,
        )
    )


def find_by_digest(connection: Connection, digest: str) -> tuple[Token, Member] | None:
    """The token of this digest, and whose it is."""
    row = connection.execute(select(tokens).where(tokens.c.digest == digest)).first()
    if row is None:
        return None
    owner = select(members).where(members.c.tenant_id == row.tenant_id, members.c.subject == row.subject)
    return _token(row), member_of(connection.execute(owner).one())


def find_token(connection: Connection, tenant_id: str, token_id: str) -> Token | None:
    """One token of a tenant."""
    row = connection.execute(select(tokens).where(tokens.c.id == token_id, tokens.c.tenant_id == tenant_id)).first()
    return None if row is None else _token(row)


def page_of_tokens(
    connection: Connection, tenant_id: str, *, subject: str | None, limit: int, cursor: str | None
) -> Page[Token]:
    """Tokens of a tenant, newest first; of one member when it is named."""
    query = select(tokens).where(tokens.c.tenant_id == tenant_id)
    if subject is not None:
        query = query.where(tokens.c.subject == subject)
    if cursor is not None:
        query = query.where(tuple_(tokens.c.created_at, tokens.c.id) < tuple_(*decode_time_cursor(cursor)))
    query = query.order_by(desc(tokens.c.created_at), desc(tokens.c.id)).limit(limit + 1)
    rows = connection.execute(query).all()
    items = [_token(row) for row in rows[:limit]]
    more = len(rows) > limit
    return Page(items, encode_time_cursor(items[-1].created_at, items[-1].token_id) if more else None)


def count_valid(connection: Connection, tenant_id: str, *, now: datetime) -> int:
    """How many tokens of the tenant open the door."""
    return connection.execute(
        select(func.count())
        .select_from(tokens)
        .where(
            tokens.c.tenant_id == tenant_id,
            tokens.c.revoked_at.is_(None),
            or_(tokens.c.expires_at.is_(None), tokens.c.expires_at > now),
        )
    ).scalar_one()


def revoke_all(connection: Connection, tenant_id: str, *, at: datetime) -> int:
    """Revoke every token of a tenant; says how many were not revoked before."""
    statement = update(tokens).where(tokens.c.tenant_id == tenant_id, tokens.c.revoked_at.is_(None))
    return connection.execute(statement.values(revoked_at=at)).rowcount


def revoke(connection: Connection, tenant_id: str, *, at: datetime, token_id: str | None, subject: str) -> int:
    """Revoke one token of a member, or all; says how many were not revoked before."""
    statement = update(tokens).where(
        tokens.c.tenant_id == tenant_id, tokens.c.subject == subject, tokens.c.revoked_at.is_(None)
    )
    if token_id is not None:
        statement = statement.where(tokens.c.id == token_id)
    return connection.execute(statement.values(revoked_at=at)).rowcount


def note_use(connection: Connection, token_id: str, *, at: datetime, grain: timedelta) -> None:
    """Write when the token was used, unless that was written less than a grain ago."""
    connection.execute(
        update(tokens)
        .where(tokens.c.id == token_id, or_(tokens.c.last_used_at.is_(None), tokens.c.last_used_at <= at - grain))
        .values(last_used_at=at)
        .execution_options(volatile=True)
    )


def _token(row: Row[Any]) -> Token:
    return Token(
        token_id=row.id,
        tenant_id=row.tenant_id,
        subject=row.subject,
        name=row.name,
        scopes=None if row.scopes is None else frozenset(Permission(name) for name in row.scopes),
        digest=row.digest,
        created_at=row.created_at,
        created_by=row.created_by,
        made_by=frozenset(row.made_by),
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
    )
