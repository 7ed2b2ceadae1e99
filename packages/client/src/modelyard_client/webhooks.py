"""Webhooks: who hears of the tenant's events, and what became of each delivery. For administrators."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from modelyard_client.transport import Transport, path
from modelyard_client.wire import Fields

_COLLECTION = "/api/v1/webhooks"


@dataclass(frozen=True, kw_only=True, slots=True)
class Webhook:
    """A webhook, without its secret. `status` is active, paused or disabled."""

    webhook_id: str
    url: str
    description: str
    event_types: tuple[str, ...]
    status: str
    reason: str | None
    previous_secret_until: datetime | None
    created_at: datetime | None
    created_by: str | None

    @classmethod
    def from_json(cls, value: object) -> "Webhook":
        """Read a webhook of the API."""
        fields = Fields(value, noun="webhook")
        return cls(
            webhook_id=fields.text("webhook_id"),
            url=fields.text("url"),
            description=fields.text("description"),
            event_types=tuple(fields.items("event_types")),
            status=fields.text("status"),
            reason=fields.optional_text("reason"),
            previous_secret_until=fields.optional_time("previous_secret_until"),
            created_at=fields.optional_time("created_at"),
            created_by=fields.optional_text("created_by"),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class NewSecret:
    """A webhook with a new secret, which cannot be read again."""

    webhook: Webhook
    secret: str

    @classmethod
    def from_json(cls, value: object) -> "NewSecret":
        """Read a new secret of the API."""
        fields = Fields(value, noun="new secret")
        return cls(webhook=Webhook.from_json(fields.value("webhook")), secret=fields.text("secret"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """One event on its way to a webhook. `status` is pending, delivered or dead."""

    delivery_id: str
    kind: str
    event_type: str
    sequence: int | None
    status: str
    attempts: int
    next_attempt_at: datetime | None
    response_code: int | None
    latency_ms: int | None
    error: str | None
    created_at: datetime | None

    @classmethod
    def from_json(cls, value: object) -> "Delivery":
        """Read a delivery of the API."""
        fields = Fields(value, noun="delivery")
        return cls(
            delivery_id=fields.text("delivery_id"),
            kind=fields.text("kind"),
            event_type=fields.text("event_type"),
            sequence=fields.optional_integer("sequence"),
            status=fields.text("status"),
            attempts=fields.integer("attempts"),
            next_attempt_at=fields.optional_time("next_attempt_at"),
            response_code=fields.optional_integer("response_code"),
            latency_ms=fields.optional_integer("latency_ms"),
            error=fields.optional_text("error"),
            created_at=fields.optional_time("created_at"),
        )


class Webhooks:
    """`client.webhooks`. All of it needs the permission `webhooks:read` or `webhooks:write`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, *, limit: int | None = None) -> Iterator[Webhook]:
        """Webhooks, newest first, fetched page by page as they are asked for."""
        pages = self._transport.pages(_COLLECTION, plural="webhooks", query={}, limit=limit)
        return (Webhook.from_json(item) for item in pages)

    def get(self, webhook_id: str) -> Webhook:
        """One webhook.

        Raises:
            NotFound: there is no such webhook.
        """
        return Webhook.from_json(self._transport.get(_path(webhook_id)))

    def create(self, url: str, *, event_types: Sequence[str] = ("*",), description: str = "") -> NewSecret:
        """Register a receiver of events; its secret is returned only here.

        Args:
            event_types: types like `version.production`, all of a noun (`version.*`), or `*`.
        """
        body = {"url": url, "event_types": list(event_types), "description": description}
        return NewSecret.from_json(self._transport.post(_COLLECTION, body))

    def activate(self, webhook_id: str, *, is_active: bool) -> Webhook:
        """Pause it, or let it go on; what happened meanwhile goes out then."""
        return Webhook.from_json(self._transport.patch(_path(webhook_id), {"is_active": is_active}))

    def rotate(self, webhook_id: str, *, overlap_seconds: int = 24 * 3600) -> NewSecret:
        """Give another secret; for the overlap deliveries are signed with both."""
        body = {"overlap_seconds": overlap_seconds}
        return NewSecret.from_json(self._transport.post(_path(webhook_id, "rotate"), body))

    def delete(self, webhook_id: str) -> None:
        """Delete it with its log."""
        self._transport.send("DELETE", _path(webhook_id))

    def test(self, webhook_id: str) -> Delivery:
        """Send a test event; read the delivery to see its result."""
        return Delivery.from_json(self._transport.post(_path(webhook_id, "test")))

    def delivery(self, webhook_id: str, delivery_id: str) -> Delivery:
        """One delivery."""
        found = Fields(self._transport.get(_path(webhook_id, "deliveries", delivery_id)), noun="delivery")
        return Delivery.from_json(found.value("delivery"))

    def deliveries(self, webhook_id: str, *, status: str | None = None, limit: int | None = None) -> Iterator[Delivery]:
        """Deliveries, newest first; with the status `dead` the dead letters."""
        where = _path(webhook_id, "deliveries")
        pages = self._transport.pages(where, plural="deliveries", query={"status": status}, limit=limit)
        return (Delivery.from_json(item) for item in pages)

    def replay(self, webhook_id: str, *, since: str, until: str) -> int:
        """Send every event of a range of time again (ISO 8601 with a zone); says how many."""
        body = {"from": since, "to": until}
        answer = Fields(self._transport.post(_path(webhook_id, "replay"), body), noun="replay")
        return answer.integer("deliveries")

    def replay_delivery(self, webhook_id: str, delivery_id: str) -> Delivery:
        """Send the event of one delivery again."""
        return Delivery.from_json(self._transport.post(_path(webhook_id, "deliveries", delivery_id, "replay")))

    def redrive(self, webhook_id: str) -> int:
        """Send all dead letters again; says how many."""
        answer = Fields(self._transport.post(_path(webhook_id, "dead-letters", "redrive")), noun="redrive")
        return answer.integer("deliveries")


def _path(webhook_id: str, *more: str) -> str:
    return path("api", "v1", "webhooks", webhook_id, *more)
