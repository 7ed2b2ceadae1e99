"""What is due: a row is claimed for one attempt, and is due again when its claimant is dead."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from modelyard.audit.domain import Entry
from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.ports.clock import Clock
from modelyard.webhooks import delivery_store
from modelyard.webhooks.domain import Delivery, Outcome, Webhook
from modelyard.webhooks.service import Webhooks

_FORGET_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Dispatch:
    """A delivery that is claimed for one attempt, with all that the attempt needs."""

    webhook: Webhook
    delivery: Delivery
    entry: Entry | None
    claim: str
    """The fencing number of who claimed it."""


class DeliveryQueue:
    """The dispatcher's side of deliveries. Each call is one short piece of work on the database."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        audit: AuditLog,
        webhooks: Webhooks,
        kept: timedelta,
    ) -> None:
        self._database = database
        self._clock = clock
        self._audit = audit
        self._webhooks = webhooks
        self._kept = kept

    def take(self, room: Callable[[str], int], *, claim: str) -> list[Dispatch]:
        """Claim what is due, for each webhook as many as there is room for.

        What somebody else had claimed before is due too: a new claim says that the former claimant is gone.
        """
        now = self._clock.now()
        with self._database.read() as connection:
            due = [
                webhook
                for webhook in delivery_store.webhooks_due(connection, now, claim=claim)
                if room(webhook.webhook_id) > 0
            ]
        if not due:
            return []
        with self._database.write() as connection:
            taken = [
                (
                    webhook,
                    delivery_store.take(
                        connection,
                        webhook,
                        now=now,
                        claim=claim,
                        limit=room(webhook.webhook_id),
                    ),
                )
                for webhook in due
            ]
        return [dispatch for webhook, claimed in taken for dispatch in self._dispatches(webhook, claimed, claim)]

    def settle(self, outcomes: Sequence[tuple[Dispatch, Outcome]]) -> None:
        """Write down what became of attempts."""
        now = self._clock.now()
        with self._database.write() as connection:
            for dispatch, outcome in outcomes:
                delivery_store.settle(connection, dispatch.delivery.delivery_id, outcome, claim=dispatch.claim, now=now)
                if outcome.is_gone:
                    reason = "the receiver answered 410: it is gone"
                    self._webhooks.disable(connection, dispatch.webhook, reason=reason)

    def forget(self) -> int:
        """Delete some of what arrived long ago; says how many."""
        with self._database.write() as connection:
            before = self._clock.now() - self._kept
            return delivery_store.forget(connection, before=before, limit=_FORGET_AT_ONCE)

    def _dispatches(self, webhook: Webhook, claimed: Sequence[Delivery], claim: str) -> list[Dispatch]:
        numbers = [delivery.sequence for delivery in claimed if delivery.sequence is not None]
        entries = self._audit.numbered(webhook.tenant_id, numbers) if numbers else {}
        return [
            Dispatch(webhook, delivery, None if delivery.sequence is None else entries[delivery.sequence], claim)
            for delivery in claimed
        ]
