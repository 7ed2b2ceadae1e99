"""Reads and writes tombstones."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, insert, select, tuple_, update

from modelyard.deletion.domain import DeleteMode, Subject, Tombstone
from modelyard.deletion.states import VersionState
from modelyard.deletion.tables import tombstones
from modelyard.paging import Page, decode_number_cursor, encode_cursor, invalid_cursor
from modelyard.registry.domain import MAX_VERSION, Version, can_be_a_number


def add(
    connection: Connection,
    version: Version,
    *,
    job_id: str,
    mode: DeleteMode,
    at: datetime,
    by: str,
    purge_after: datetime,
    removed_run_id: str | None,
    claimed_experiment: str | None,
) -> None:
    """Write a version's tombstone."""
    connection.execute(
        insert(tombstones).values(
            job_id=job_id,
            version=version.version,
            tenant_id=version.tenant_id,
            model_name=version.model_name,
            mode=mode,
            state=VersionState.DELETED,
            deleted_at=at,
            deleted_by=by,
            purge_after=purge_after,
            model_uri=version.model_uri,
            run_id=version.run_id,
            removed_run_id=removed_run_id,
            claimed_experiment=claimed_experiment,
            takes_files=False,
        )
    )


def of_job(connection: Connection, job_id: str, *, after: int, limit: int) -> list[Tombstone]:
    """What a job has deleted of the versions after a number, oldest version first."""
    query = select(tombstones).where(tombstones.c.job_id == job_id, tombstones.c.version > after)
    return [_tombstone(row) for row in connection.execute(query.order_by(tombstones.c.version).limit(limit))]


def count_of_job(connection: Connection, job_id: str) -> int:
    """How many versions a job has deleted."""
    query = select(func.count()).select_from(tombstones).where(tombstones.c.job_id == job_id)
    return connection.execute(query).scalar_one()


def find(connection: Connection, tombstone: Tombstone) -> Tombstone | None:
    """The same one as it is now."""
    row = connection.execute(select(tombstones).where(_is(tombstone))).first()
    return None if row is None else _tombstone(row)


def lock_current(connection: Connection, subject: Subject) -> Tombstone | None:
    """The tombstone of a version that is not restored; its row is locked until the transaction ends."""
    if subject.version is None or not can_be_a_number(subject.version):
        return None
    query = select(tombstones).where(
        tombstones.c.tenant_id == subject.tenant_id,
        tombstones.c.model_name == subject.model_name,
        tombstones.c.version == subject.version,
        tombstones.c.state != VersionState.ACTIVE,
    )
    row = connection.execute(query.with_for_update()).first()
    return None if row is None else _tombstone(row)


def page(connection: Connection, tenant_id: str, model_name: str, *, limit: int, cursor: str | None) -> Page[Tombstone]:
    """The tombstones of a model's versions that are not taken back, at most one a version, oldest version first."""
    after = 0 if cursor is None else decode_number_cursor(cursor)
    if after > MAX_VERSION:
        raise invalid_cursor()
    query = select(tombstones).where(
        tombstones.c.tenant_id == tenant_id,
        tombstones.c.model_name == model_name,
        tombstones.c.version > after,
        tombstones.c.state != VersionState.ACTIVE,
    )
    rows = connection.execute(query.order_by(tombstones.c.version).limit(limit + 1)).all()
    items = [_tombstone(row) for row in rows[:limit]]
    return Page(items, encode_cursor(str(items[-1].version)) if len(rows) > limit else None)


def with_removed_run(connection: Connection, run_ids: Collection[str]) -> list[Tombstone]:
    """The tombstones with which these runs went."""
    return _found(connection, tombstones.c.removed_run_id.in_(run_ids) & (tombstones.c.state != VersionState.ACTIVE))


def due(connection: Connection, now: datetime, *, after: Tombstone | None = None, limit: int) -> list[Tombstone]:
    """Tombstones whose time to be restored is over, and those whose purge was begun; the oldest first.

    After one that was given, those that come behind it.
    """
    key = (tombstones.c.deleted_at, tombstones.c.job_id, tombstones.c.version)
    query = select(tombstones).where(_is_due(now) | (tombstones.c.state == VersionState.PURGING)).order_by(*key)
    if after is not None:
        query = query.where(tuple_(*key) > tuple_(after.deleted_at, after.job_id, after.version))
    return [_tombstone(row) for row in connection.execute(query.limit(limit))]


def restorable_on(connection: Connection, tombstone: Tombstone, now: datetime) -> bool:
    """Whether another version was made of the same run or files, and is being restored or may still be."""
    may_be = (tombstones.c.state == VersionState.DELETED) & (tombstones.c.purge_after > now)
    which = _shares(tombstone) & (may_be | (tombstones.c.state == VersionState.RESTORING))
    return connection.execute(select(tombstones.c.job_id).where(which).limit(1)).first() is not None


def due_with(connection: Connection, tombstone: Tombstone, now: datetime) -> list[Tombstone]:
    """The other tombstones of the same run or files whose time is over too."""
    return _found(connection, _shares(tombstone) & _is_due(now))


def move(connection: Connection, tombstone: Tombstone, state: VersionState, **values: Any) -> bool:
    """Write a state if nobody has written another one since; says whether that was so."""
    statement = update(tombstones).where(_is(tombstone), tombstones.c.state == tombstone.state)
    return connection.execute(statement.values(state=state, **values)).rowcount == 1


def change(connection: Connection, tombstone: Tombstone, **values: Any) -> None:
    """Write some columns of a tombstone."""
    connection.execute(update(tombstones).where(_is(tombstone)).values(**values))


def give_back(connection: Connection, *, run_id: str | None, experiment_id: str | None) -> None:
    """The run and the experiment are there again, so no tombstone has them any more."""
    for column, value in (("removed_run_id", run_id), ("removed_experiment_id", experiment_id)):
        if value is not None:
            connection.execute(update(tombstones).where(tombstones.c[column] == value).values({column: None}))


def drop_claims(connection: Connection, job_id: str) -> None:
    """The job takes no experiment any more."""
    connection.execute(update(tombstones).where(tombstones.c.job_id == job_id).values(claimed_experiment=None))


def _is_due(now: datetime) -> ColumnElement[bool]:
    return (tombstones.c.state == VersionState.DELETED) & (tombstones.c.purge_after <= now)


def _shares(tombstone: Tombstone) -> ColumnElement[bool]:
    """Whether another tombstone is of a version that was made of the same run or files."""
    is_shared = tombstones.c.model_uri == tombstone.model_uri
    if tombstone.run_id is not None:
        is_shared |= tombstones.c.run_id == tombstone.run_id
    return is_shared & ~_is(tombstone)


def _is(tombstone: Tombstone) -> ColumnElement[bool]:
    return (tombstones.c.job_id == tombstone.job_id) & (tombstones.c.version == tombstone.version)


def _found(connection: Connection, which: ColumnElement[bool], *, limit: int | None = None) -> list[Tombstone]:
    query = select(tombstones).where(which).order_by(tombstones.c.deleted_at, tombstones.c.version).limit(limit)
    return [_tombstone(row) for row in connection.execute(query)]


def _tombstone(row: Row[Any]) -> Tombstone:
    return Tombstone(
        job_id=row.job_id,
        tenant_id=row.tenant_id,
        model_name=row.model_name,
        version=row.version,
        mode=DeleteMode(row.mode),
        state=VersionState(row.state),
        deleted_at=row.deleted_at,
        deleted_by=row.deleted_by,
        purge_after=row.purge_after,
        model_uri=row.model_uri,
        run_id=row.run_id,
        removed_run_id=row.removed_run_id,
        claimed_experiment=row.claimed_experiment,
        removed_experiment_id=row.removed_experiment_id,
        takes_files=row.takes_files,
    )
