"""Reads and writes usage."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, case, delete, func, select, update

from modelyard.db.statements import insert_new
from modelyard.subscriptions.tables import usage, usage_reports
from modelyard.subscriptions.usage_rows import UsageRow, UsageTotal

_COUNTS = ("calls", "refused", "over_limit", "failed")
_MOST_NAMED = 1000
"""Of more, all rows are cheaper to read than to name."""


def is_new_report(connection: Connection, node: str, number: int, *, at: datetime) -> bool:
    """Whether this report of a node was not counted yet; from now on it is."""
    changed = connection.execute(
        update(usage_reports)
        .where(usage_reports.c.node == node, usage_reports.c.number < number)
        .values(number=number, reported_at=at)
    ).rowcount
    return changed == 1 or insert_new(connection, usage_reports, node=node, number=number, reported_at=at)


def add(connection: Connection, row: UsageRow) -> None:
    """Add to the row of the hour."""
    key = {
        "tenant_id": row.tenant_id,
        "hour": row.hour,
        "subscription_id": row.subscription_id,
        "scope": row.scope,
    }
    counts = {name: getattr(row, name) for name in _COUNTS}
    if insert_new(connection, usage, **key, **counts, last_at=row.last_at):
        return
    grown = {name: usage.c[name] + value for name, value in counts.items()}
    one = update(usage).where(*(usage.c[name] == value for name, value in key.items()))
    connection.execute(one.values(grown))
    connection.execute(one.where(usage.c.last_at < row.last_at).values(last_at=row.last_at))


def totals(
    connection: Connection,
    tenant_id: str,
    *,
    since: datetime,
    subscription_id: str | None,
    scope: str | None,
    limit: int,
) -> list[UsageTotal]:
    """Sums of a tenant for each subscription and scope, the last used first."""
    last_at = func.max(usage.c.last_at).label("last_at")
    sums = [func.sum(usage.c[name]).label(name) for name in _COUNTS]
    query = select(usage.c.subscription_id, usage.c.scope, *sums, last_at).where(
        usage.c.tenant_id == tenant_id, usage.c.hour >= since
    )
    if subscription_id is not None:
        query = query.where(usage.c.subscription_id == subscription_id)
    if scope is not None:
        query = query.where(usage.c.scope == scope)
    query = query.group_by(usage.c.subscription_id, usage.c.scope).order_by(last_at.desc()).limit(limit)
    return [
        UsageTotal(
            subscription_id=row.subscription_id,
            scope=row.scope,
            last_at=row.last_at,
            **{name: int(getattr(row, name)) for name in _COUNTS},
        )
        for row in connection.execute(query)
    ]


def last_used(connection: Connection, tenant_id: str, subscription_ids: Sequence[str]) -> dict[str, datetime]:
    """When subscriptions were used last."""
    query = (
        select(usage.c.subscription_id, func.max(usage.c.last_at).label("last_at"))
        .where(usage.c.tenant_id == tenant_id, usage.c.subscription_id.in_(subscription_ids), usage.c.calls > 0)
        .group_by(usage.c.subscription_id)
    )
    return {row.subscription_id: row.last_at for row in connection.execute(query)}


@dataclass(frozen=True, slots=True)
class CallsRow:
    """How often one caller called one API or model since several moments."""

    tenant_id: str
    subscription_id: str
    """Empty: without a subscription."""
    scope: str
    since: Mapping[datetime, int]


def calls_since(
    connection: Connection, moments: frozenset[datetime], *, subscription_ids: frozenset[str], scopes: frozenset[str]
) -> list[CallsRow]:
    """The calls of some subscriptions, and those of some scopes, since the beginnings of some hours, of all tenants."""
    if not moments or not (subscription_ids or scopes):
        return []
    starts = sorted(moments)
    sums = [func.sum(case((usage.c.hour >= start, usage.c.calls), else_=0)) for start in starts]
    query = select(usage.c.tenant_id, usage.c.subscription_id, usage.c.scope, *sums).where(usage.c.hour >= starts[0])
    if len(subscription_ids) + len(scopes) <= _MOST_NAMED:
        query = query.where(usage.c.subscription_id.in_(subscription_ids) | usage.c.scope.in_(scopes))
    query = query.group_by(usage.c.tenant_id, usage.c.subscription_id, usage.c.scope)
    return [
        CallsRow(tenant_id, subscription_id, scope, dict(zip(starts, map(int, counts), strict=True)))
        for tenant_id, subscription_id, scope, *counts in connection.execute(query)
    ]


def forget(connection: Connection, *, before: datetime) -> None:
    """Delete hours that began before a moment."""
    connection.execute(delete(usage).where(usage.c.hour < before))
