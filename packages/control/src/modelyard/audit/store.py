"""Appends to the log, inside the transaction that makes the change, and reads it back."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, desc, func, insert, select

from modelyard.audit.domain import GENESIS, Entry, entry_hash
from modelyard.audit.tables import audit_entries


def append(
    connection: Connection,
    *,
    tenant_id: str,
    at: datetime,
    actor: str,
    action: str,
    subject: str,
    reason: str = "",
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Add one entry at the end of the tenant's chain. `before` and `after` are JSON.

    Two that append at once wait for each other until the first has committed: on SQLite all writers do, on PostgreSQL
    a lock of the tenant's chain is held to the end of the transaction.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"audit:{tenant_id}"))))
    last = connection.execute(
        select(audit_entries.c.sequence, audit_entries.c.hash)
        .where(audit_entries.c.tenant_id == tenant_id)
        .order_by(desc(audit_entries.c.sequence))
        .limit(1)
    ).first()
    sequence, previous_hash = (1, GENESIS) if last is None else (last.sequence + 1, last.hash)
    fields: dict[str, Any] = {
        "tenant_id": tenant_id,
        "sequence": sequence,
        "at": at,
        "actor": actor,
        "action": action,
        "subject": subject,
        "reason": reason,
        "before": before,
        "after": after,
        "previous_hash": previous_hash,
    }
    connection.execute(insert(audit_entries).values(**fields, hash=entry_hash(**fields)))


def entries(connection: Connection, tenant_id: str, *, subject: str | None = None) -> list[Entry]:
    """The tenant's log in order; of one subject when it is named."""
    query = select(audit_entries).where(audit_entries.c.tenant_id == tenant_id)
    if subject is not None:
        query = query.where(audit_entries.c.subject == subject)
    rows = connection.execute(query.order_by(audit_entries.c.sequence)).mappings()
    return [Entry(**row) for row in rows]


def latest(connection: Connection, tenant_id: str, *, action: str, subject_prefix: str) -> Iterator[Entry]:
    """Entries of one action on subjects that begin so, newest first."""
    query = (
        select(audit_entries)
        .where(
            audit_entries.c.tenant_id == tenant_id,
            audit_entries.c.action == action,
            audit_entries.c.subject.startswith(subject_prefix, autoescape=True),
        )
        .order_by(audit_entries.c.sequence.desc())
    )
    for row in connection.execute(query).mappings():
        yield Entry(**row)
