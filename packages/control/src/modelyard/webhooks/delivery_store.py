"""Reads and writes deliveries: the log that people see, and the queue that the dispatcher works through."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import ColumnElement, Connection, Row, delete, exists, insert, select, tuple_, update

from modelyard.paging import Page, decode_time_cursor, encode_time_cursor
from modelyard.webhooks.domain import Delivery, DeliveryKind, Outcome, Webhook
from modelyard.webhooks.states import DeliveryStatus, WebhookStatus
from modelyard.webhooks.store import webhook_of
from modelyard.webhooks.tables import deliveries, webhooks


def add(
    connection: Connection,
    webhook: Webhook,
    events: Iterable[tuple[int | None, str]],
    *,
    kind: DeliveryKind,
    at: datetime,
) -> list[str]:
    """Insert a delivery for each event, given as the entry's number and its action. Returns their ids."""
    rows = [
        {
            "id": f"dlv-{uuid4().hex}",
            "tenant_id": webhook.tenant_id,
            "webhook_id": webhook.webhook_id,
            "kind": kind,
            "sequence": sequence,
            "event_type": action,
            "status": DeliveryStatus.PENDING,
            "attempts": 0,
            "next_attempt_at": at,
            "created_at": at,
        }
        for sequence, action in events
    ]
    if rows:
        connection.execute(insert(deliveries), rows)
    return [str(row["id"]) for row in rows]


def find(connection: Connection, webhook: Webhook, delivery_id: str) -> Delivery | None:
    """One delivery of a webhook."""
    query = select(deliveries).where(deliveries.c.id == delivery_id, deliveries.c.webhook_id == webhook.webhook_id)
    row = connection.execute(query).first()
    return None if row is None else _delivery(row)


def page(
    connection: Connection, webhook: Webhook, *, status: DeliveryStatus | None, limit: int, cursor: str | None
) -> Page[Delivery]:
    """Deliveries of a webhook, newest first."""
    query = select(deliveries).where(deliveries.c.webhook_id == webhook.webhook_id)
    if status is not None:
        query = query.where(deliveries.c.status == status)
    if cursor is not None:
        query = query.where(tuple_(deliveries.c.created_at, deliveries.c.id) < decode_time_cursor(cursor))
    query = query.order_by(deliveries.c.created_at.desc(), deliveries.c.id.desc()).limit(limit + 1)
    rows = connection.execute(query).all()
    items = [_delivery(row) for row in rows[:limit]]
    last = items[-1] if len(rows) > limit else None
    return Page(items, None if last is None else encode_time_cursor(last.created_at, last.delivery_id))


def redrive(connection: Connection, webhook: Webhook, *, at: datetime) -> int:
    """Put every dead delivery of a webhook back at the beginning of its life; says how many."""
    dead = (deliveries.c.webhook_id == webhook.webhook_id) & (deliveries.c.status == DeliveryStatus.DEAD)
    values = {"status": DeliveryStatus.PENDING, "attempts": 0, "next_attempt_at": at, "finished_at": None}
    return connection.execute(update(deliveries).where(dead).values(**values)).rowcount


def webhooks_due(connection: Connection, now: datetime, *, claim: str) -> list[Webhook]:
    """Active webhooks of all tenants for which some delivery is due that is not under way with this claim."""
    is_due = exists().where(deliveries.c.webhook_id == webhooks.c.id, _is_due(now, claim))
    query = select(webhooks).where(webhooks.c.status == WebhookStatus.ACTIVE, is_due)
    return [webhook_of(row) for row in connection.execute(query)]


def take(connection: Connection, webhook: Webhook, *, now: datetime, claim: str, limit: int) -> list[Delivery]:
    """Claim due deliveries of a webhook, longest due first, each for one attempt, which is counted now."""
    due = (
        select(deliveries.c.id)
        .where(deliveries.c.webhook_id == webhook.webhook_id, _is_due(now, claim))
        .order_by(deliveries.c.next_attempt_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    ids = connection.execute(due).scalars().all()
    if not ids:
        return []
    values = {"claim": claim, "attempts": deliveries.c.attempts + 1}
    statement = update(deliveries).where(deliveries.c.id.in_(ids)).values(values).returning(deliveries)
    return [_delivery(row) for row in connection.execute(statement)]


def settle(connection: Connection, delivery_id: str, outcome: Outcome, *, claim: str, now: datetime) -> bool:
    """Write down an attempt's outcome, unless somebody else has claimed the delivery since."""
    mine = (deliveries.c.id == delivery_id) & (deliveries.c.claim == claim)
    values = {
        "status": outcome.status,
        "next_attempt_at": outcome.next_attempt_at,
        "claim": None,
        "response_code": outcome.response_code,
        "latency_ms": outcome.latency_ms,
        "error": outcome.error,
        "finished_at": None if outcome.status is DeliveryStatus.PENDING else now,
    }
    return connection.execute(update(deliveries).where(mine).values(**values)).rowcount == 1


def forget(connection: Connection, *, before: datetime, limit: int) -> int:
    """Delete deliveries that arrived before a moment, and those of webhooks that are gone; says how many."""
    is_orphan = ~exists().where(webhooks.c.id == deliveries.c.webhook_id)
    is_old = (deliveries.c.finished_at < before) & (deliveries.c.status == DeliveryStatus.DELIVERED)
    ids: Sequence[str] = (
        connection.execute(select(deliveries.c.id).where(is_old | is_orphan).limit(limit)).scalars().all()
    )
    if ids:
        connection.execute(delete(deliveries).where(deliveries.c.id.in_(ids)))
    return len(ids)


def _is_due(now: datetime, claim: str) -> ColumnElement[bool]:
    return (deliveries.c.next_attempt_at <= now) & deliveries.c.claim.is_distinct_from(claim)


def _delivery(row: Row[Any]) -> Delivery:
    return Delivery(
        delivery_id=row.id,
        tenant_id=row.tenant_id,
        webhook_id=row.webhook_id,
        kind=DeliveryKind(row.kind),
        sequence=row.sequence,
        event_type=row.event_type,
        status=DeliveryStatus(row.status),
        attempts=row.attempts,
        next_attempt_at=row.next_attempt_at,
        response_code=row.response_code,
        latency_ms=row.latency_ms,
        error=row.error,
        created_at=row.created_at,
        finished_at=row.finished_at,
    )
