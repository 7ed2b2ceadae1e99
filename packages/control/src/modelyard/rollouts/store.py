"""Reads and writes roll-outs."""

from typing import Any

from sqlalchemy import Connection, Row, desc, insert, select, tuple_, update

from modelyard.paging import Page, decode_time_cursor, encode_time_cursor
from modelyard.rollouts.domain import Rollout
from modelyard.rollouts.measures import Progress
from modelyard.rollouts.plan import plan_of_json, plan_to_json
from modelyard.rollouts.states import TRANSITIONS, RolloutStatus
from modelyard.rollouts.tables import rollouts

_FINAL = [status for status in RolloutStatus if not TRANSITIONS[status]]


def add(connection: Connection, rollout: Rollout) -> None:
    """Insert a roll-out."""
    connection.execute(
        insert(rollouts).values(
            id=rollout.rollout_id,
            tenant_id=rollout.tenant_id,
            model_name=rollout.model_name,
            former=rollout.former,
            candidate=rollout.candidate,
            plan=plan_to_json(rollout.plan),
            status=rollout.status,
            step=rollout.step,
            step_since=rollout.step_since,
            reason=rollout.reason,
            progress=rollout.progress.to_json(),
            request_id=rollout.request_id,
            job_id=rollout.job_id,
            is_promoted=rollout.is_promoted,
            created_by=rollout.created_by,
            created_at=rollout.created_at,
            updated_at=rollout.updated_at,
            revision=rollout.revision,
        )
    )


def change(connection: Connection, rollout_id: str, **values: Any) -> None:
    """Write some columns of a roll-out."""
    connection.execute(update(rollouts).where(rollouts.c.id == rollout_id).values(**values))


def find(connection: Connection, rollout_id: str) -> Rollout | None:
    """The roll-out of this id, in any tenant."""
    row = connection.execute(select(rollouts).where(rollouts.c.id == rollout_id)).first()
    return None if row is None else _rollout(row)


def lock(connection: Connection, rollout_id: str) -> Rollout | None:
    """The same, which nobody else changes until the transaction ends."""
    row = connection.execute(select(rollouts).where(rollouts.c.id == rollout_id).with_for_update()).first()
    return None if row is None else _rollout(row)


def under_way(connection: Connection, tenant_id: str, model_name: str) -> Rollout | None:
    """The one of a model that has not ended."""
    query = select(rollouts).where(
        rollouts.c.tenant_id == tenant_id, rollouts.c.model_name == model_name, rollouts.c.status.not_in(_FINAL)
    )
    row = connection.execute(query).first()
    return None if row is None else _rollout(row)


def all_under_way(connection: Connection) -> list[Rollout]:
    """Those of all tenants that have not ended, oldest first."""
    query = select(rollouts).where(rollouts.c.status.not_in(_FINAL)).order_by(rollouts.c.created_at)
    return [_rollout(row) for row in connection.execute(query)]


def page(
    connection: Connection,
    tenant_id: str,
    *,
    model_name: str | None,
    status: RolloutStatus | None,
    limit: int,
    cursor: str | None,
) -> Page[Rollout]:
    """Roll-outs of a tenant, newest first."""
    query = select(rollouts).where(rollouts.c.tenant_id == tenant_id)
    for column, value in ((rollouts.c.model_name, model_name), (rollouts.c.status, status)):
        if value is not None:
            query = query.where(column == value)
    if cursor is not None:
        query = query.where(tuple_(rollouts.c.created_at, rollouts.c.id) < tuple_(*decode_time_cursor(cursor)))
    query = query.order_by(desc(rollouts.c.created_at), desc(rollouts.c.id)).limit(limit + 1)
    items = [_rollout(row) for row in connection.execute(query)]
    shown = items[:limit]
    more = len(items) > limit
    return Page(shown, encode_time_cursor(shown[-1].created_at, shown[-1].rollout_id) if more else None)


def _rollout(row: Row[Any]) -> Rollout:
    return Rollout(
        rollout_id=row.id,
        tenant_id=row.tenant_id,
        model_name=row.model_name,
        former=row.former,
        candidate=row.candidate,
        plan=plan_of_json(row.plan),
        status=RolloutStatus(row.status),
        step=row.step,
        step_since=row.step_since,
        reason=row.reason,
        progress=Progress.of_json(row.progress),
        request_id=row.request_id,
        job_id=row.job_id,
        is_promoted=row.is_promoted,
        created_by=row.created_by,
        created_at=row.created_at,
        updated_at=row.updated_at,
        revision=row.revision,
    )
