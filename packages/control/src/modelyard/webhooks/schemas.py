"""Webhooks, deliveries and events on the wire. A secret only stands in the answer that makes it."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field, model_validator

from modelyard.errors import Invalid
from modelyard.http.bodies import RequestBody
from modelyard.http.moment import Moment
from modelyard.webhooks.domain import EVERYTHING, MAX_URL, Delivery, Webhook

_Description = Annotated[str, Field(max_length=500)]
_EventTypes = Annotated[
    list[Annotated[str, Field(max_length=60)]],
    Field(min_length=1, max_length=100, examples=[["version.production", "request.*"]]),
]
_Url = Annotated[str, Field(max_length=MAX_URL, examples=["https://hooks.example.com/modelyard"])]
# Times come as text, which a strict body would not take for them.
_Time = Annotated[Moment, Field(strict=False)]


class WebhookRequest(RequestBody):
    """A webhook to make."""

    url: _Url
    description: _Description = ""
    event_types: _EventTypes = Field(default=[EVERYTHING])


class WebhookChange(RequestBody):
    """What shall change. `is_active` false pauses: events are kept, and go out when it is true again."""

    url: _Url | None = None
    description: _Description | None = None
    event_types: _EventTypes | None = None
    is_active: bool | None = None


class RotateRequest(RequestBody):
    """For how long deliveries are signed with the secret before as well."""

    overlap_seconds: Annotated[int, Field(ge=0, le=30 * 24 * 3600)] = 24 * 3600


class ReplayRequest(RequestBody):
    """Which events shall go out again: from one moment on and before another."""

    since: _Time = Field(alias="from")
    until: _Time = Field(alias="to")

    @model_validator(mode="after")
    def _look_forward(self) -> "ReplayRequest":
        if self.since >= self.until:
            raise Invalid("from: expected a moment before 'to'", code="request_invalid", field="from")
        return self


class WebhookAnswer(BaseModel):
    """A webhook, without its secret."""

    webhook_id: str
    url: str
    description: str
    event_types: list[str]
    status: str = Field(description="active, paused, or disabled when the receiver said that it is gone")
    reason: str | None
    previous_secret_until: datetime | None = Field(description="until when the secret before signs as well")
    created_at: datetime
    created_by: str
    updated_at: datetime
    revision: int

    @classmethod
    def of(cls, webhook: Webhook) -> "WebhookAnswer":
        """The webhook on the wire."""
        return cls(
            webhook_id=webhook.webhook_id,
            url=webhook.url,
            description=webhook.description,
            event_types=list(webhook.event_types),
            status=webhook.status,
            reason=webhook.reason,
            previous_secret_until=webhook.previous_until,
            created_at=webhook.created_at,
            created_by=webhook.created_by,
            updated_at=webhook.updated_at,
            revision=webhook.revision,
        )


class WebhooksAnswer(BaseModel):
    """A page of webhooks, newest first."""

    webhooks: list[WebhookAnswer]
    next_cursor: str | None


class NewSecretAnswer(BaseModel):
    """A webhook with its new secret, which is returned only here."""

    webhook: WebhookAnswer
    secret: str = Field(examples=["whsec_…"])


class DeliveryAnswer(BaseModel):
    """One event on its way to a webhook, with what became of the last attempt."""

    delivery_id: str
    webhook_id: str
    kind: str = Field(description="event, replay or test")
    event_type: str
    sequence: int | None = Field(description="the entry of the audit log; null for a test")
    status: str = Field(description="pending, delivered or dead")
    attempts: int
    next_attempt_at: datetime | None
    response_code: int | None
    latency_ms: int | None
    error: str | None
    created_at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, delivery: Delivery) -> "DeliveryAnswer":
        """The delivery on the wire."""
        return cls(
            delivery_id=delivery.delivery_id,
            webhook_id=delivery.webhook_id,
            kind=delivery.kind,
            event_type=delivery.event_type,
            sequence=delivery.sequence,
            status=delivery.status,
            attempts=delivery.attempts,
            next_attempt_at=delivery.next_attempt_at,
            response_code=delivery.response_code,
            latency_ms=delivery.latency_ms,
            error=delivery.error,
            created_at=delivery.created_at,
            finished_at=delivery.finished_at,
        )


class DeliveriesAnswer(BaseModel):
    """A page of deliveries, newest first."""

    deliveries: list[DeliveryAnswer]
    next_cursor: str | None


class EventData(BaseModel):
    """What changed: the entry of the audit log."""

    tenant_id: str
    subject: str = Field(examples=["models/churn/versions/3"])
    sequence: int | None = Field(description="orders the events of a tenant; null for a test")
    actor: str | None
    reason: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class Event(BaseModel):
    """A CloudEvent (1.0, structured JSON), as receivers get it."""

    specversion: str = Field(examples=["1.0"])
    id: str = Field(description="the same in every attempt and every replay", examples=["evt_default_17"])
    source: str = Field(examples=["/modelyard/tenants/default"])
    type: str = Field(examples=["io.modelyard.version.production"])
    subject: str
    time: datetime
    datacontenttype: str
    data: EventData


class DeliveryWithEventAnswer(BaseModel):
    """A delivery with the event that it carries."""

    delivery: DeliveryAnswer
    event: Event


class SentAgainAnswer(BaseModel):
    """How many deliveries go out again."""

    deliveries: int


class EventTypeAnswer(BaseModel):
    """A type of event."""

    event_type: str = Field(description="for `event_types`; in events it stands behind `io.modelyard.`")
    description: str


class EventTypesAnswer(BaseModel):
    """All types of events."""

    event_types: list[EventTypeAnswer]
