"""Listens to the audit log: each entry becomes a delivery for every webhook that subscribes to its action."""

from sqlalchemy import Connection

from modelyard.audit.domain import Entry
from modelyard.ports.clock import Clock
from modelyard.webhooks import delivery_store, store
from modelyard.webhooks.domain import DeliveryKind


class WebhookListener:
    """A listener of the audit log."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def on_entry(self, connection: Connection, entry: Entry) -> None:
        """Write a delivery for every webhook that hears of this change, in the transaction that makes it."""
        for webhook in store.listening(connection, entry.tenant_id):
            if webhook.hears(entry.action):
                event = (entry.sequence, entry.action)
                delivery_store.add(connection, webhook, [event], kind=DeliveryKind.EVENT, at=self._clock.now())
