"""Puts the nouns of webhooks together: who hears of what, and what carries it to them."""

from collections.abc import Sequence

from modelyard.home import Home
from modelyard.http.routing import APIRouter
from modelyard.key_file import kept_key
from modelyard.main.context import Context
from modelyard.webhooks.deliveries import Deliveries
from modelyard.webhooks.dispatcher import WebhookDispatcher
from modelyard.webhooks.queue import DeliveryQueue
from modelyard.webhooks.routes import delivery_routes, webhook_reads, webhook_writes
from modelyard.webhooks.service import Webhooks
from modelyard.webhooks.settings import WebhookSettings
from modelyard.webhooks.signing import Signer


class WebhookParts:
    """Webhooks, the log of their deliveries, and the dispatcher."""

    def __init__(self, context: Context) -> None:
        database, clock, audit, settings = context.database, context.clock, context.audit, context.settings
        receivers = context.adapters.receivers
        signer = _signer(settings.webhooks, settings.storage.places)
        self.webhooks = Webhooks(database=database, clock=clock, audit=audit, signer=signer, receivers=receivers)
        self.deliveries = Deliveries(database=database, clock=clock, audit=audit, webhooks=self.webhooks)
        queue = DeliveryQueue(
            database=database,
            clock=clock,
            audit=audit,
            webhooks=self.webhooks,
            kept=settings.webhooks.kept,
        )
        self.dispatcher = WebhookDispatcher(
            queue=queue,
            receivers=receivers,
            signer=signer,
            clock=clock,
            leases=context.leases,
            most_attempts=settings.webhooks.attempts,
        )

    def routes(self) -> Sequence[APIRouter]:
        """The surface `/api/v1/webhooks`."""
        return [webhook_reads(self.webhooks), webhook_writes(self.webhooks), delivery_routes(self.deliveries)]


def _signer(settings: WebhookSettings, home: Home) -> Signer:
    return Signer(kept_key(home.webhook_key_file) if settings.key is None else settings.key.get_secret_value())
