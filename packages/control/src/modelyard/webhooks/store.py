"""Reads and writes webhooks."""

from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, tuple_, update

from modelyard.paging import Page, decode_time_cursor, encode_time_cursor
from modelyard.webhooks.domain import Webhook
from modelyard.webhooks.states import WebhookStatus
from modelyard.webhooks.tables import deliveries, webhooks

_KEPT = (WebhookStatus.ACTIVE, WebhookStatus.PAUSED)


def add(connection: Connection, webhook: Webhook) -> None:
    """Insert a webhook."""
    connection.execute(
        insert(webhooks).values(
            id=webhook.webhook_id,
            tenant_id=webhook.tenant_id,
            url=webhook.url,
            description=webhook.description,
            event_types=list(webhook.event_types),
            status=webhook.status,
            reason=webhook.reason,
            generation=webhook.generation,
            secret_digest=webhook.secret_digest,
            previous_until=webhook.previous_until,
            created_at=webhook.created_at,
            created_by=webhook.created_by,
            updated_at=webhook.updated_at,
            revision=webhook.revision,
        )
    )


def change(connection: Connection, webhook: Webhook, **values: Any) -> bool:
    """Write some columns, if nobody else did since the webhook was read."""
    statement = update(webhooks).where(webhooks.c.id == webhook.webhook_id, webhooks.c.revision == webhook.revision)
    return connection.execute(statement.values(revision=webhook.revision + 1, **values)).rowcount == 1


def remove(connection: Connection, webhook: Webhook) -> None:
    """Delete a webhook with its deliveries."""
    connection.execute(delete(deliveries).where(deliveries.c.webhook_id == webhook.webhook_id))
    connection.execute(delete(webhooks).where(webhooks.c.id == webhook.webhook_id))


def find(connection: Connection, tenant_id: str, webhook_id: str) -> Webhook | None:
    """One webhook of a tenant."""
    query = select(webhooks).where(webhooks.c.id == webhook_id, webhooks.c.tenant_id == tenant_id)
    row = connection.execute(query).first()
    return None if row is None else webhook_of(row)


def count(connection: Connection, tenant_id: str) -> int:
    """How many a tenant has."""
    query = select(func.count()).select_from(webhooks).where(webhooks.c.tenant_id == tenant_id)
    return connection.execute(query).scalar_one()


def listening(connection: Connection, tenant_id: str) -> list[Webhook]:
    """Webhooks of a tenant for which events are kept."""
    query = select(webhooks).where(webhooks.c.tenant_id == tenant_id, webhooks.c.status.in_(_KEPT))
    return [webhook_of(row) for row in connection.execute(query)]


def page(connection: Connection, tenant_id: str, *, limit: int, cursor: str | None) -> Page[Webhook]:
    """Webhooks of a tenant, newest first."""
    key = tuple_(webhooks.c.created_at, webhooks.c.id)
    query = select(webhooks).where(webhooks.c.tenant_id == tenant_id)
    if cursor is not None:
        query = query.where(key < decode_time_cursor(cursor))
    query = query.order_by(webhooks.c.created_at.desc(), webhooks.c.id.desc()).limit(limit + 1)
    rows = connection.execute(query).all()
    items = [webhook_of(row) for row in rows[:limit]]
    last = items[-1] if len(rows) > limit else None
    return Page(items, None if last is None else encode_time_cursor(last.created_at, last.webhook_id))


def webhook_of(row: Row[Any]) -> Webhook:
    """A row of `webhooks` as the domain knows it."""
    return Webhook(
        webhook_id=row.id,
        tenant_id=row.tenant_id,
        url=row.url,
        description=row.description,
        event_types=tuple(row.event_types),
        status=WebhookStatus(row.status),
        reason=row.reason,
        generation=row.generation,
        secret_digest=row.secret_digest,
        previous_until=row.previous_until,
        created_at=row.created_at,
        created_by=row.created_by,
        updated_at=row.updated_at,
        revision=row.revision,
    )
