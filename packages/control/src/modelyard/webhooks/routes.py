"""The routes of webhooks and of their deliveries."""

from datetime import timedelta
from typing import Annotated

from fastapi import Depends, Query, Response

from modelyard.http.guard import Requires
from modelyard.http.own_tenant import OF_OWN_TENANT
from modelyard.http.revision import ExpectedRevision, set_etag
from modelyard.http.routing import APIRouter
from modelyard.paging import MAX_CURSOR, MAX_LIMIT
from modelyard.principals import Permission, Principal
from modelyard.webhooks.catalogue import EVENT_TYPES
from modelyard.webhooks.deliveries import Deliveries
from modelyard.webhooks.schemas import (
    DeliveriesAnswer,
    DeliveryAnswer,
    DeliveryWithEventAnswer,
    Event,
    EventTypeAnswer,
    EventTypesAnswer,
    NewSecretAnswer,
    ReplayRequest,
    RotateRequest,
    SentAgainAnswer,
    WebhookAnswer,
    WebhookChange,
    WebhookRequest,
    WebhooksAnswer,
)
from modelyard.webhooks.service import Webhooks
from modelyard.webhooks.states import DeliveryStatus

Read = Annotated[Principal, Depends(Requires(Permission.WEBHOOKS_READ))]
Write = Annotated[Principal, Depends(Requires(Permission.WEBHOOKS_WRITE))]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]
Cursor = Annotated[str | None, Query(max_length=MAX_CURSOR)]
PREFIX = "/api/v1/webhooks"


def webhook_reads(webhooks: Webhooks) -> APIRouter:
    """Look at webhooks of the caller's tenant, and at what they can hear of."""
    router = APIRouter(prefix=PREFIX, tags=["webhooks"])

    @router.get("", dependencies=OF_OWN_TENANT)
    def list_webhooks(caller: Read, limit: Limit = 50, cursor: Cursor = None) -> WebhooksAnswer:
        """All webhooks, newest first."""
        page = webhooks.page(caller, limit=limit, cursor=cursor)
        return WebhooksAnswer(
            webhooks=[WebhookAnswer.of(webhook) for webhook in page.items], next_cursor=page.next_cursor
        )

    @router.get("/event-types", dependencies=[Depends(Requires(Permission.STATUS_READ))])
    def event_types() -> EventTypesAnswer:
        """Every type of event there is."""
        known = [EventTypeAnswer(event_type=name, description=said) for name, said in EVENT_TYPES.items()]
        return EventTypesAnswer(event_types=known)

    @router.get("/{webhook_id}")
    def one_webhook(caller: Read, webhook_id: str, response: Response) -> WebhookAnswer:
        """One webhook."""
        webhook = webhooks.get(caller, webhook_id)
        set_etag(response, webhook.revision)
        return WebhookAnswer.of(webhook)

    return router


def webhook_writes(webhooks: Webhooks) -> APIRouter:
    """Who hears of what: make, change, delete webhooks, and give them other secrets."""
    router = APIRouter(prefix=PREFIX, tags=["webhooks"])

    @router.post("", status_code=201)
    def create_webhook(caller: Write, body: WebhookRequest, response: Response) -> NewSecretAnswer:
        """Register a receiver of events. Its secret is returned only here."""
        webhook, secret = webhooks.create(
            caller, url=body.url, description=body.description, event_types=body.event_types
        )
        set_etag(response, webhook.revision)
        return NewSecretAnswer(webhook=WebhookAnswer.of(webhook), secret=secret)

    @router.patch("/{webhook_id}")
    def change_webhook(
        caller: Write, webhook_id: str, body: WebhookChange, expected: ExpectedRevision, response: Response
    ) -> WebhookAnswer:
        """Change a webhook, pause or resume it."""
        webhook = webhooks.change(
            caller,
            webhook_id,
            url=body.url,
            description=body.description,
            event_types=body.event_types,
            is_active=body.is_active,
            revision=expected,
        )
        set_etag(response, webhook.revision)
        return WebhookAnswer.of(webhook)

    @router.delete("/{webhook_id}", status_code=204)
    def delete_webhook(caller: Write, webhook_id: str) -> None:
        """Delete a webhook with its deliveries."""
        webhooks.delete(caller, webhook_id)

    @router.post("/{webhook_id}/rotate")
    def rotate_secret(caller: Write, webhook_id: str, body: RotateRequest, response: Response) -> NewSecretAnswer:
        """Give a webhook another secret; for a while deliveries are signed with both."""
        webhook, secret = webhooks.rotate(caller, webhook_id, overlap=timedelta(seconds=body.overlap_seconds))
        set_etag(response, webhook.revision)
        return NewSecretAnswer(webhook=WebhookAnswer.of(webhook), secret=secret)

    return router


def delivery_routes(deliveries: Deliveries) -> APIRouter:
    """The log of deliveries, and sending again."""
    router = APIRouter(prefix=f"{PREFIX}/{{webhook_id}}", tags=["webhooks"])

    @router.post("/test", status_code=202)
    def test_webhook(caller: Write, webhook_id: str) -> DeliveryAnswer:
        """Send an event of no change; the delivery says what became of it."""
        return DeliveryAnswer.of(deliveries.test(caller, webhook_id))

    @router.get("/deliveries", dependencies=OF_OWN_TENANT)
    def list_deliveries(
        caller: Read, webhook_id: str, status: DeliveryStatus | None = None, limit: Limit = 50, cursor: Cursor = None
    ) -> DeliveriesAnswer:
        """Deliveries, newest first."""
        return _page(deliveries, caller, webhook_id, status=status, limit=limit, cursor=cursor)

    @router.get("/deliveries/{delivery_id}")
    def one_delivery(caller: Read, webhook_id: str, delivery_id: str) -> DeliveryWithEventAnswer:
        """One delivery, with the event that it carries."""
        delivery, event = deliveries.get(caller, webhook_id, delivery_id)
        return DeliveryWithEventAnswer(delivery=DeliveryAnswer.of(delivery), event=Event.model_validate(event))

    @router.post("/deliveries/{delivery_id}/replay", status_code=202)
    def replay_delivery(caller: Write, webhook_id: str, delivery_id: str) -> DeliveryAnswer:
        """Send the event of a delivery again."""
        return DeliveryAnswer.of(deliveries.replay_one(caller, webhook_id, delivery_id))

    @router.post("/replay", status_code=202)
    def replay_range(caller: Write, webhook_id: str, body: ReplayRequest) -> SentAgainAnswer:
        """Send every event of a range of time again, also what was missed while the webhook was disabled."""
        sent = deliveries.replay(caller, webhook_id, since=body.since, until=body.until)
        return SentAgainAnswer(deliveries=sent)

    @router.get("/dead-letters", dependencies=OF_OWN_TENANT)
    def list_dead_letters(caller: Read, webhook_id: str, limit: Limit = 50, cursor: Cursor = None) -> DeliveriesAnswer:
        """Deliveries that were given up, newest first."""
        return _page(deliveries, caller, webhook_id, status=DeliveryStatus.DEAD, limit=limit, cursor=cursor)

    @router.post("/dead-letters/redrive", status_code=202)
    def redrive_dead_letters(caller: Write, webhook_id: str) -> SentAgainAnswer:
        """Send all dead letters again."""
        return SentAgainAnswer(deliveries=deliveries.redrive(caller, webhook_id))

    return router


def _page(
    deliveries: Deliveries,
    caller: Principal,
    webhook_id: str,
    *,
    status: DeliveryStatus | None,
    limit: int,
    cursor: str | None,
) -> DeliveriesAnswer:
    page = deliveries.page(caller, webhook_id, status=status, limit=limit, cursor=cursor)
    return DeliveriesAnswer(
        deliveries=[DeliveryAnswer.of(delivery) for delivery in page.items], next_cursor=page.next_cursor
    )
