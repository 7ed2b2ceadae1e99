"""Reads and writes sessions of the console: their hashes, never their secrets."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, or_, select, update

from modelyard.access.domain import Session
from modelyard.access.tables import sessions
from modelyard.principals import Role


def add_session(connection: Connection, session: Session) -> None:
    """Insert a session."""
    connection.execute(
        insert(sessions).values(
            digest=session.digest,
            tenant_id=session.tenant_id,
            subject=session.subject,
            token_id=session.token_id,
            role=session.role,
            opened_at=session.opened_at,
            expires_at=session.expires_at,
            last_used_at=session.last_used_at,
        )
    )


def find_session(connection: Connection, digest: str) -> Session | None:
    """The session of this digest."""
    row = connection.execute(select(sessions).where(sessions.c.digest == digest)).first()
    if row is None:
        return None
    return Session(
        digest=row.digest,
        tenant_id=row.tenant_id,
        subject=row.subject,
        token_id=row.token_id,
        role=None if row.role is None else Role(row.role),
        opened_at=row.opened_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
    )


def delete_session(connection: Connection, digest: str) -> None:
    """Delete the session of this digest, if there is one."""
    connection.execute(delete(sessions).where(sessions.c.digest == digest).execution_options(volatile=True))


def forget_ended(connection: Connection, *, now: datetime, idle: timedelta) -> None:
    """Delete every session that has expired, or was idle for so long."""
    has_ended = or_(sessions.c.expires_at <= now, sessions.c.last_used_at <= now - idle)
    connection.execute(delete(sessions).where(has_ended).execution_options(volatile=True))


def note_use(connection: Connection, digest: str, *, at: datetime) -> None:
    """Write when the session was used."""
    used = update(sessions).where(sessions.c.digest == digest).values(last_used_at=at)
    connection.execute(used.execution_options(volatile=True))
