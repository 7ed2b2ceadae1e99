"""Reads and writes leases. Expiry is judged by one clock: the database server's, or on SQLite this machine's."""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, ColumnElement, Connection, Interval, cast, delete, func, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite

from modelyard.db.types import Timestamp
from modelyard.leases.domain import Lease
from modelyard.leases.tables import leases

NOBODY = ""
"""The holder of a lease that was given back."""
_MICROSECONDS = 1_000_000
_columns = leases.c


def is_taken(connection: Connection, name: str, holder: str, *, now: datetime) -> bool:
    """Whether another process holds the lease now. Who waits for one reads, and writes only when it can be had."""
    query = select(_columns.name).where(
        _columns.name == name, _columns.holder.not_in([holder, NOBODY]), _columns.expires_at > _present(connection, now)
    )
    return connection.execute(query).first() is not None


def claim(connection: Connection, name: str, holder: str, *, now: datetime, lasts: timedelta) -> Lease | None:
    """Take a lease that is free, expired, or one's own from before. None when another process holds it."""
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    until = _later(connection, now, lasts)
    is_free = (_columns.expires_at <= _present(connection, now)) | (_columns.holder == holder)
    statement = (
        insert(leases)
        .values(name=name, holder=holder, fence=_first_fence(connection, now), expires_at=until)
        .on_conflict_do_update(
            index_elements=["name"],
            set_={"holder": holder, "fence": _columns.fence + 1, "expires_at": until},
            where=is_free,
        )
        .returning(_columns.fence)
    )
    fence = connection.execute(statement).scalar_one_or_none()
    return None if fence is None else Lease(name, holder, fence)


def renew(
    connection: Connection, holder: str, held: Collection[Lease], *, now: datetime, lasts: timedelta
) -> set[Lease]:
    """Prolong the leases that a process holds, also expired ones that nobody has taken; gives them.

    Every other row of the process is given back: its release, or the answer to its claim, did not get through.
    """
    found = _lock_all(connection, holder)
    renewed, left = found.intersection(held), found.difference(held)
    if renewed:
        names = _columns.name.in_([lease.name for lease in renewed])
        connection.execute(update(leases).where(names).values(expires_at=_later(connection, now, lasts)))
    for lease in left:
        release(connection, lease, now=now)
    return renewed


def release(connection: Connection, lease: Lease, *, now: datetime) -> None:
    """Give a lease back; its fencing number stays."""
    change = update(leases).where(_is(lease)).values(holder=NOBODY, expires_at=_present(connection, now))
    connection.execute(change)


def is_held(connection: Connection, lease: Lease) -> bool:
    """Whether the lease is held with this fencing number. Who would take it over waits until this transaction ends."""
    query = select(_columns.name).where(_is(lease)).with_for_update(read=True)
    return connection.execute(query).first() is not None


def forget(connection: Connection, living: str | None, *, now: datetime, kept: timedelta) -> None:
    """Delete leases that were given back long ago; with `living` also those that expired so long ago in others."""
    is_old = _columns.expires_at <= _later(connection, now, -kept)
    is_free = _columns.holder == NOBODY if living is None else _columns.holder != living
    connection.execute(delete(leases).where(is_free, is_old))


def _lock_all(connection: Connection, holder: str) -> set[Lease]:
    """All rows of a process. They are locked in the order in which `fencing` checks names: that of their bytes."""
    order = _columns.name if connection.dialect.name == "sqlite" else _columns.name.collate("C")
    query = select(_columns.name, _columns.fence).where(_columns.holder == holder).order_by(order).with_for_update()
    return {Lease(row.name, holder, row.fence) for row in connection.execute(query)}


def _first_fence(connection: Connection, now: datetime) -> ColumnElement[int]:
    """The time in microseconds: more than any fencing number of a row of this name that was deleted."""
    if connection.dialect.name == "sqlite":
        return literal(int(now.timestamp() * _MICROSECONDS), BigInteger)
    return cast(func.extract("epoch", func.clock_timestamp()) * _MICROSECONDS, BigInteger)


def _is(lease: Lease) -> ColumnElement[bool]:
    return (_columns.name == lease.name) & (_columns.holder == lease.holder) & (_columns.fence == lease.fence)


def _present(connection: Connection, now: datetime) -> ColumnElement[datetime]:
    if connection.dialect.name == "sqlite":
        return literal(now, Timestamp)
    return func.clock_timestamp(type_=Timestamp)


def _later(connection: Connection, now: datetime, lasts: timedelta) -> ColumnElement[datetime]:
    if connection.dialect.name == "sqlite":
        return literal(now + lasts, Timestamp)
    return func.clock_timestamp(type_=Timestamp) + literal(lasts, Interval)
