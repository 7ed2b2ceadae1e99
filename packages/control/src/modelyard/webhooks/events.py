"""An event as CloudEvents 1.0 in structured JSON. Pure: the same entry always gives the same bytes."""

import json
from typing import Any

from modelyard.audit.domain import Entry
from modelyard.webhooks.catalogue import TYPE_PREFIX
from modelyard.webhooks.domain import Delivery

CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"


def event_of(delivery: Delivery, entry: Entry | None) -> dict[str, Any]:
    """The event of a delivery. Its id is the change's, the same in every attempt and replay, for every webhook."""
    if entry is None:
        return _event(
            delivery.tenant_id,
            event_id=f"evt_{delivery.tenant_id}_test_{delivery.delivery_id}",
            event_type=delivery.event_type,
            subject=f"webhooks/{delivery.webhook_id}",
            time=delivery.created_at.isoformat(),
            data={"sequence": None, "actor": None, "reason": "", "before": None, "after": None},
        )
    return _event(
        entry.tenant_id,
        event_id=f"evt_{entry.tenant_id}_{entry.sequence}",
        event_type=entry.action,
        subject=entry.subject,
        time=entry.at.isoformat(),
        data={
            "sequence": entry.sequence,
            "actor": entry.actor,
            "reason": entry.reason,
            "before": entry.before,
            "after": entry.after,
        },
    )


def encoded(event: dict[str, Any]) -> bytes:
    """The event's bytes, which are signed and sent."""
    return json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()


def _event(
    tenant_id: str, *, event_id: str, event_type: str, subject: str, time: str, data: dict[str, Any]
) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": event_id,
        "source": f"/modelyard/tenants/{tenant_id}",
        "type": TYPE_PREFIX + event_type,
        "subject": subject,
        "time": time,
        "datacontenttype": "application/json",
        "data": {"tenant_id": tenant_id, "subject": subject, **data},
    }
