"""The log of deliveries, and sending again: a test, one delivery, a range of time, the dead letters."""

from datetime import datetime

from modelyard.audit.domain import Filter
from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.errors import Conflict, Invalid, NotFound
from modelyard.paging import Page
from modelyard.ports.clock import Clock
from modelyard.principals import Principal
from modelyard.webhooks import delivery_store
from modelyard.webhooks.catalogue import TEST
from modelyard.webhooks.domain import Delivery, DeliveryKind, Webhook
from modelyard.webhooks.events import event_of
from modelyard.webhooks.service import Webhooks
from modelyard.webhooks.states import DeliveryStatus, WebhookStatus

MOST_REPLAYED = 50_000
"""Events in one replay."""


class Deliveries:
    """Deliveries of all webhooks."""

    def __init__(self, *, database: Database, clock: Clock, audit: AuditLog, webhooks: Webhooks) -> None:
        self._database = database
        self._clock = clock
        self._audit = audit
        self._webhooks = webhooks

    def page(
        self,
        principal: Principal,
        webhook_id: str,
        *,
        status: DeliveryStatus | None,
        limit: int,
        cursor: str | None,
    ) -> Page[Delivery]:
        """Deliveries of a webhook, newest first.

        Raises:
            NotFound: code `webhook_not_found`.
        """
        with self._database.read() as connection:
            webhook = self._webhooks.within(connection, principal, webhook_id)
            return delivery_store.page(connection, webhook, status=status, limit=limit, cursor=cursor)

    def get(self, principal: Principal, webhook_id: str, delivery_id: str) -> tuple[Delivery, dict[str, object]]:
        """One delivery, and the event that it carries.

        Raises:
            NotFound: code `webhook_not_found` or `delivery_not_found`.
        """
        with self._database.read() as connection:
            webhook = self._webhooks.within(connection, principal, webhook_id)
            found = delivery_store.find(connection, webhook, delivery_id)
        if found is None:
            raise _missing(delivery_id)
        entries = self._audit.numbered(found.tenant_id, [] if found.sequence is None else [found.sequence])
        return found, event_of(found, None if found.sequence is None else entries[found.sequence])

    def test(self, principal: Principal, webhook_id: str) -> Delivery:
        """Send an event of no change, to see whether the receiver takes it.

        Raises:
            NotFound: code `webhook_not_found`.
            Conflict: code `webhook_not_active`.
        """
        with self._database.write() as connection:
            webhook = self._webhooks.within(connection, principal, webhook_id)
            _check_active(webhook)
            (made,) = delivery_store.add(
                connection, webhook, [(None, TEST)], kind=DeliveryKind.TEST, at=self._clock.now()
            )
            found = delivery_store.find(connection, webhook, made)
        if found is None:
            raise AssertionError("the delivery was just made")
        return found

    def replay_one(self, principal: Principal, webhook_id: str, delivery_id: str) -> Delivery:
        """Send the event of a delivery again, in a delivery of its own.

        Raises:
            NotFound: code `webhook_not_found` or `delivery_not_found`.
        """
        with self._database.write() as connection:
            webhook = self._webhooks.within(connection, principal, webhook_id)
            earlier = delivery_store.find(connection, webhook, delivery_id)
            if earlier is None:
                raise _missing(delivery_id)
            kind = DeliveryKind.TEST if earlier.sequence is None else DeliveryKind.REPLAY
            event = (earlier.sequence, earlier.event_type)
            (made,) = delivery_store.add(connection, webhook, [event], kind=kind, at=self._clock.now())
            found = delivery_store.find(connection, webhook, made)
        if found is None:
            raise AssertionError("the delivery was just made")
        return found

    def replay(self, principal: Principal, webhook_id: str, *, since: datetime, until: datetime) -> int:
        """Send every event of a range of time again that the webhook hears of; says how many.

        Raises:
            NotFound: code `webhook_not_found`.
            Invalid: code `replay_too_large`, when it is more than `MOST_REPLAYED`.
        """
        webhook = self._webhooks.get(principal, webhook_id)
        events: list[tuple[int | None, str]] = []
        for entry in self._audit.stream(principal.tenant_id, Filter(since=since, until=until)):
            if webhook.hears(entry.action):
                events.append((entry.sequence, entry.action))
            if len(events) > MOST_REPLAYED:
                raise Invalid(
                    f"from, to: expected a range of at most {MOST_REPLAYED} events, got more: take a shorter one",
                    code="replay_too_large",
                )
        now = self._clock.now()
        with self._database.write() as connection:
            webhook = self._webhooks.within(connection, principal, webhook_id)
            self._audit.record(
                connection,
                principal=principal,
                action="webhook.replayed",
                subject=webhook.subject,
                after={"from": since.isoformat(), "to": until.isoformat(), "events": len(events)},
            )
            return len(delivery_store.add(connection, webhook, events, kind=DeliveryKind.REPLAY, at=now))

    def redrive(self, principal: Principal, webhook_id: str) -> int:
        """Send all dead letters of a webhook again, with as many attempts as new ones have; says how many.

        Raises:
            NotFound: code `webhook_not_found`.
        """
        with self._database.write() as connection:
            webhook = self._webhooks.within(connection, principal, webhook_id)
            count = delivery_store.redrive(connection, webhook, at=self._clock.now())
            if count:
                self._audit.record(
                    connection,
                    principal=principal,
                    action="webhook.replayed",
                    subject=webhook.subject,
                    after={"dead_letters": count},
                )
            return count


def _check_active(webhook: Webhook) -> None:
    if webhook.status is not WebhookStatus.ACTIVE:
        raise Conflict(f"the webhook is {webhook.status}: it must be active to be tested", code="webhook_not_active")


def _missing(delivery_id: str) -> NotFound:
    return NotFound(f"there is no delivery '{delivery_id}'", code="delivery_not_found")
