"""Appends to the log inside the transaction that makes the change, and reads it back in the order of its numbers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, ScalarSelect, and_, func, insert, literal, or_, select

from modelyard.audit.domain import GENESIS, Anchor, Entry, Filter, InProduction, about, durable, entry_hash
from modelyard.audit.tables import IN_PRODUCTION, audit_entries

_LEAVES_PRODUCTION = (
    *("version.none", "version.staging", "version.archived", "version.deleted", "version.purged"),
    "model.deleted",
)
_COLUMNS = [audit_entries.c[name] for name in Entry.__dataclass_fields__]


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
) -> Entry:
    """Add one entry at the end of the tenant's chain. `before` and `after` are JSON.

    Two that append at once wait for each other until the first has committed: on SQLite all writers do, on PostgreSQL
    a lock of the tenant's chain is held to the end of the transaction. The later one's time is not before the other's.
    """
    lock(connection, tenant_id)
    last = _last(connection, tenant_id)
    unsealed = Entry(
        tenant_id=tenant_id,
        sequence=1 if last is None else last.sequence + 1,
        at=at if last is None else max(at, last.at),
        actor=actor,
        action=action,
        subject=subject,
        reason=reason,
        before=durable(before),
        after=durable(after),
        previous_hash=GENESIS if last is None else last.hash,
        hash="",
    )
    entry = replace(unsealed, hash=entry_hash(unsealed.fields))
    model, version = about(subject, after)
    values = {column.name: getattr(entry, column.name) for column in _COLUMNS}
    connection.execute(insert(audit_entries).values(**values, model_name=model, version=version))
    return entry


def lock(connection: Connection, tenant_id: str) -> None:
    """Let nobody else append to the tenant's chain until the transaction ends; on SQLite no writer can anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"audit:{tenant_id}"))))


def head(connection: Connection, tenant_id: str) -> Anchor | None:
    """The last entry's number and hash."""
    last = _last(connection, tenant_id)
    return None if last is None else Anchor(last.sequence, last.hash)


def written_at(connection: Connection, tenant_id: str) -> datetime | None:
    """When the last entry was written, as it says."""
    last = _last(connection, tenant_id)
    return None if last is None else last.at


def tenants(connection: Connection) -> list[str]:
    """Every tenant that has a log, by id."""
    column = audit_entries.c.tenant_id
    return list(connection.execute(select(column).distinct().order_by(column)).scalars())


def forward(
    connection: Connection, tenant_id: str, which: Filter, *, after: int, through: int, limit: int
) -> list[Entry]:
    """Entries in their order, those after one number and not after another."""
    return _read(
        connection,
        tenant_id,
        which,
        audit_entries.c.sequence > after,
        audit_entries.c.sequence <= through,
        order=audit_entries.c.sequence.asc(),
        limit=limit,
    )


def backward(connection: Connection, tenant_id: str, which: Filter, *, before: int | None, limit: int) -> list[Entry]:
    """Entries newest first, those before a number."""
    bound = [] if before is None else [audit_entries.c.sequence < before]
    return _read(connection, tenant_id, which, *bound, order=audit_entries.c.sequence.desc(), limit=limit)


def numbered(connection: Connection, tenant_id: str, sequences: Sequence[int]) -> list[Entry]:
    """Entries of these numbers."""
    query = select(*_COLUMNS).where(audit_entries.c.tenant_id == tenant_id, audit_entries.c.sequence.in_(sequences))
    return [_entry(row) for row in connection.execute(query)]


def latest(connection: Connection, tenant_id: str, *, action: str, subject_prefix: str) -> Iterator[Entry]:
    """Entries of one action on subjects that begin so, newest first."""
    query = (
        select(*_COLUMNS)
        .where(
            audit_entries.c.tenant_id == tenant_id,
            audit_entries.c.action == action,
            audit_entries.c.subject.startswith(subject_prefix, autoescape=True),
        )
        .order_by(audit_entries.c.sequence.desc())
    )
    for row in connection.execute(query):
        yield _entry(row)


def knows_model(connection: Connection, tenant_id: str, model: str) -> bool:
    """Whether there is any entry about the model; it may be gone since."""
    query = select(audit_entries.c.sequence).where(
        audit_entries.c.tenant_id == tenant_id, audit_entries.c.model_name == model
    )
    return connection.execute(query.limit(1)).first() is not None


def in_production(connection: Connection, tenant_id: str, model: str, at: datetime) -> InProduction | None:
    """What was in production at a moment: the version that came last, unless it had left. One query.

    An entry of that very moment counts. Of several entries of one moment the last one counts.
    """
    came, gone = audit_entries.alias("came"), audit_entries.alias("gone")
    bound = _number(tenant_id, audit_entries.c.at <= at, is_first=False)
    query = _of_stays(came, gone, tenant_id).add_columns((gone.c.sequence <= bound).label("had_left"))
    query = query.where(came.c.model_name == model, came.c.sequence <= bound)
    row = connection.execute(query.order_by(came.c.sequence.desc()).limit(1)).first()
    return None if row is None or row.had_left else _stay(row)


def stays_in_production(
    connection: Connection, tenant_id: str, model: str, *, before: int | None, limit: int
) -> list[InProduction]:
    """Stays of a model's versions in production, the last one first, of entries before a number."""
    came, gone = audit_entries.alias("came"), audit_entries.alias("gone")
    query = _of_stays(came, gone, tenant_id).where(came.c.model_name == model)
    if before is not None:
        query = query.where(came.c.sequence < before)
    return [_stay(row) for row in connection.execute(query.order_by(came.c.sequence.desc()).limit(limit))]


def all_in_production(
    connection: Connection, tenant_id: str, at: datetime, *, after: str | None, limit: int
) -> list[tuple[str, InProduction]]:
    """What was in production at a moment, by model, of models whose names come after one."""
    came, gone = audit_entries.alias("came"), audit_entries.alias("gone")
    bound = _number(tenant_id, audit_entries.c.at <= at, is_first=False)
    last = (
        select(func.max(audit_entries.c.sequence).label("sequence"))
        .where(
            audit_entries.c.tenant_id == tenant_id,
            audit_entries.c.action == IN_PRODUCTION,
            audit_entries.c.sequence <= bound,
        )
        .group_by(audit_entries.c.model_name)
        .subquery()
    )
    query = (
        _of_stays(came, gone, tenant_id)
        .add_columns(came.c.model_name)
        .where(came.c.sequence.in_(select(last.c.sequence)), or_(gone.c.sequence.is_(None), gone.c.sequence > bound))
    )
    if after is not None:
        query = query.where(came.c.model_name > after)
    rows = connection.execute(query.order_by(came.c.model_name).limit(limit))
    return [(row.model_name, _stay(row)) for row in rows]


def _of_stays(came: Any, gone: Any, tenant_id: str) -> Any:
    """Each stay in production with the entry that ended it, if one has."""
    left = audit_entries.alias("left_it")
    leaving = (
        select(func.min(left.c.sequence))
        .where(
            left.c.tenant_id == tenant_id,
            left.c.subject.in_([came.c.subject, literal("models/") + came.c.model_name]),
            left.c.sequence > came.c.sequence,
            left.c.action.in_(_LEAVES_PRODUCTION),
        )
        .correlate(came)
        .scalar_subquery()
    )
    return (
        select(*(came.c[column.name] for column in _COLUMNS), came.c.version, gone.c.at.label("gone_at"))
        .select_from(came.outerjoin(gone, and_(gone.c.tenant_id == tenant_id, gone.c.sequence == leaving)))
        .where(came.c.tenant_id == tenant_id, came.c.action == IN_PRODUCTION)
    )


def _stay(row: Any) -> InProduction:
    return InProduction(version=row.version, since=_entry(row), until=row.gone_at)


def _last(connection: Connection, tenant_id: str) -> Any:
    query = select(audit_entries.c.sequence, audit_entries.c.hash, audit_entries.c.at)
    query = query.where(audit_entries.c.tenant_id == tenant_id)
    return connection.execute(query.order_by(audit_entries.c.sequence.desc()).limit(1)).first()


def _read(
    connection: Connection,
    tenant_id: str,
    which: Filter,
    *bounds: ColumnElement[bool],
    order: ColumnElement[Any],
    limit: int,
) -> list[Entry]:
    query = select(*_COLUMNS).where(audit_entries.c.tenant_id == tenant_id, *_conditions(tenant_id, which), *bounds)
    return [_entry(row) for row in connection.execute(query.order_by(order).limit(limit))]


def _conditions(tenant_id: str, which: Filter) -> Iterator[ColumnElement[bool]]:
    """The filter in SQL. Times become numbers of entries first, so that every index serves them."""
    columns = audit_entries.c
    exact = (
        (columns.model_name, which.model),
        (columns.version, which.version),
        (columns.subject, which.subject),
        (columns.actor, which.actor),
    )
    for column, value in exact:
        if value is not None:
            yield column == value
    if which.action is not None:
        noun, is_pattern, _ = which.action.partition(".*")
        yield columns.action.startswith(f"{noun}.", autoescape=True) if is_pattern else columns.action == which.action
    if which.since is not None:
        yield columns.sequence >= _number(tenant_id, columns.at >= which.since, is_first=True)
    if which.until is not None:
        yield columns.sequence <= _number(tenant_id, columns.at < which.until, is_first=False)


def _number(tenant_id: str, condition: ColumnElement[bool], *, is_first: bool) -> ScalarSelect[int]:
    """The number of the first or the last entry by time of which the condition holds; times go with the numbers."""
    columns = audit_entries.c
    order = (columns.at, columns.sequence) if is_first else (columns.at.desc(), columns.sequence.desc())
    query = select(columns.sequence).where(columns.tenant_id == tenant_id, condition)
    return query.order_by(*order).limit(1).correlate(None).scalar_subquery()


def _entry(row: Any) -> Entry:
    return Entry(**{column.name: getattr(row, column.name) for column in _COLUMNS})
