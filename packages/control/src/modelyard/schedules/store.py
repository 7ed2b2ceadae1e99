"""Reads and writes schedules and their runs."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, desc, func, insert, select, tuple_, update

from modelyard.db.statements import insert_new
from modelyard.paging import Page, decode_time_cursor, encode_time_cursor
from modelyard.registry.provenance import DataReference
from modelyard.schedules.cron import Cron, Missed
from modelyard.schedules.domain import Overlap, Run, Schedule, Trigger
from modelyard.schedules.states import RunStatus, ScheduleStatus
from modelyard.schedules.tables import schedule_runs, schedules


def add(connection: Connection, schedule: Schedule) -> None:
    """Insert a schedule."""
    cron = schedule.trigger.cron
    connection.execute(
        insert(schedules).values(
            id=schedule.schedule_id,
            tenant_id=schedule.tenant_id,
            model_name=schedule.model_name,
            description=schedule.description,
            which=schedule.which,
            cron=None if cron is None else cron.expression,
            time_zone=None if cron is None else cron.time_zone,
            event_type=schedule.trigger.event_type,
            changes=dict(schedule.changes),
            overlap=schedule.overlap,
            missed=schedule.missed,
            status=schedule.status,
            next_at=schedule.next_at,
            key_digest=schedule.key_digest,
            created_by=schedule.created_by,
            scopes=None if schedule.scopes is None else list(schedule.scopes),
            made_by=list(schedule.made_by),
            created_at=schedule.created_at,
            updated_at=schedule.updated_at,
        )
    )


def change(connection: Connection, schedule_id: str, **values: Any) -> None:
    """Write some columns of a schedule."""
    connection.execute(update(schedules).where(schedules.c.id == schedule_id).values(**values))


def remove(connection: Connection, schedule_id: str) -> None:
    """Delete a schedule with its runs."""
    connection.execute(delete(schedule_runs).where(schedule_runs.c.schedule_id == schedule_id))
    connection.execute(delete(schedules).where(schedules.c.id == schedule_id))


def find(connection: Connection, schedule_id: str) -> Schedule | None:
    """The schedule of this id, in any tenant."""
    row = connection.execute(select(schedules).where(schedules.c.id == schedule_id)).first()
    return None if row is None else _schedule(row)


def lock(connection: Connection, schedule_id: str) -> Schedule | None:
    """The same, which nobody else changes until the transaction ends."""
    row = connection.execute(select(schedules).where(schedules.c.id == schedule_id).with_for_update()).first()
    return None if row is None else _schedule(row)


def due(connection: Connection, now: datetime, *, limit: int) -> list[str]:
    """The active schedules whose next time has come, the longest waiting first."""
    query = select(schedules.c.id).where(schedules.c.status == ScheduleStatus.ACTIVE, schedules.c.next_at <= now)
    return list(connection.execute(query.order_by(schedules.c.next_at).limit(limit)).scalars())


def after_event(connection: Connection, tenant_id: str, event_type: str, model_name: str) -> list[Schedule]:
    """The active schedules of a model that this event triggers."""
    query = select(schedules).where(
        schedules.c.tenant_id == tenant_id,
        schedules.c.event_type == event_type,
        schedules.c.model_name == model_name,
        schedules.c.status == ScheduleStatus.ACTIVE,
    )
    return [_schedule(row) for row in connection.execute(query.order_by(schedules.c.id))]


def count(connection: Connection, tenant_id: str) -> int:
    """How many schedules a tenant has."""
    query = select(func.count()).select_from(schedules).where(schedules.c.tenant_id == tenant_id)
    return connection.execute(query).scalar_one()


def page(
    connection: Connection, tenant_id: str, *, model_name: str | None, limit: int, cursor: str | None
) -> Page[Schedule]:
    """Schedules of a tenant, newest first."""
    query = select(schedules).where(schedules.c.tenant_id == tenant_id)
    if model_name is not None:
        query = query.where(schedules.c.model_name == model_name)
    if cursor is not None:
        query = query.where(tuple_(schedules.c.created_at, schedules.c.id) < tuple_(*decode_time_cursor(cursor)))
    query = query.order_by(desc(schedules.c.created_at), desc(schedules.c.id)).limit(limit + 1)
    items = [_schedule(row) for row in connection.execute(query)]
    shown = items[:limit]
    more = len(items) > limit
    return Page(shown, encode_time_cursor(shown[-1].created_at, shown[-1].schedule_id) if more else None)


def add_run(connection: Connection, run: Run) -> bool:
    """Insert a run unless there is one of its occasion; whether it did."""
    return insert_new(
        connection,
        schedule_runs,
        schedule_id=run.schedule_id,
        occasion=run.occasion,
        tenant_id=run.tenant_id,
        planned_at=run.planned_at,
        status=run.status,
        job_id=run.job_id,
        reason=run.reason,
        missed=run.missed,
        data={name: asdict(each) for name, each in run.data.items()},
    )


def change_run(connection: Connection, run: Run, **values: Any) -> None:
    """Write some columns of a run."""
    connection.execute(update(schedule_runs).where(*_is(run.schedule_id, run.occasion)).values(**values))


def find_run(connection: Connection, schedule_id: str, occasion: str) -> Run | None:
    """The run of an occasion."""
    row = connection.execute(select(schedule_runs).where(*_is(schedule_id, occasion))).first()
    return None if row is None else _run(row)


def times_of_runs(connection: Connection, schedule_id: str, *, prefix: str, after: datetime) -> list[datetime]:
    """When the runs were planned whose occasion begins so, since a time, the oldest first."""
    query = select(schedule_runs.c.planned_at).where(
        schedule_runs.c.schedule_id == schedule_id,
        schedule_runs.c.occasion.startswith(prefix, autoescape=True),
        schedule_runs.c.planned_at > after,
    )
    return list(connection.execute(query.order_by(schedule_runs.c.planned_at)).scalars())


def planned_runs(connection: Connection, *, limit: int) -> list[Run]:
    """Runs of all schedules that are not begun, the oldest first."""
    query = select(schedule_runs).where(schedule_runs.c.status == RunStatus.PLANNED)
    query = query.order_by(schedule_runs.c.planned_at, schedule_runs.c.schedule_id, schedule_runs.c.occasion)
    return [_run(row) for row in connection.execute(query.limit(limit))]


def last_runs(
    connection: Connection, schedule_id: str, *, limit: int, status: RunStatus | None = None
) -> Sequence[Run]:
    """Runs of a schedule, newest first."""
    query = select(schedule_runs).where(schedule_runs.c.schedule_id == schedule_id)
    if status is not None:
        query = query.where(schedule_runs.c.status == status)
    query = query.order_by(desc(schedule_runs.c.planned_at), desc(schedule_runs.c.occasion))
    return [_run(row) for row in connection.execute(query.limit(limit))]


def forget_runs(connection: Connection, schedule_id: str, *, before: datetime) -> None:
    """Delete runs that have been decided, of planned times before a moment."""
    connection.execute(
        delete(schedule_runs).where(
            schedule_runs.c.schedule_id == schedule_id,
            schedule_runs.c.status != RunStatus.PLANNED,
            schedule_runs.c.planned_at < before,
        )
    )


def _is(schedule_id: str, occasion: str) -> tuple[Any, Any]:
    return schedule_runs.c.schedule_id == schedule_id, schedule_runs.c.occasion == occasion


def _schedule(row: Row[Any]) -> Schedule:
    return Schedule(
        schedule_id=row.id,
        tenant_id=row.tenant_id,
        model_name=row.model_name,
        description=row.description,
        which=row.which,
        trigger=Trigger(None if row.cron is None else Cron(row.cron, row.time_zone), row.event_type),
        changes=row.changes,
        overlap=Overlap(row.overlap),
        missed=Missed(row.missed),
        status=ScheduleStatus(row.status),
        next_at=row.next_at,
        key_digest=row.key_digest,
        created_by=row.created_by,
        scopes=None if row.scopes is None else tuple(row.scopes),
        made_by=tuple(row.made_by),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _run(row: Row[Any]) -> Run:
    return Run(
        schedule_id=row.schedule_id,
        tenant_id=row.tenant_id,
        occasion=row.occasion,
        planned_at=row.planned_at,
        status=RunStatus(row.status),
        job_id=row.job_id,
        reason=row.reason,
        missed=row.missed,
        data={name: DataReference(**each) for name, each in row.data.items()},
    )
