"""The life of a delivery, and the standing of a webhook."""

from enum import StrEnum


class DeliveryStatus(StrEnum):
    """How far a delivery is."""

    PENDING = "pending"
    """It waits for its first or its next attempt, or is under way."""
    DELIVERED = "delivered"
    """The receiver answered with a success."""
    DEAD = "dead"
    """Given up: it goes out again only when somebody asks for it."""


class WebhookStatus(StrEnum):
    """Whether a webhook's deliveries go out."""

    ACTIVE = "active"
    PAUSED = "paused"
    """Events are kept, and go out when it is active again."""
    DISABLED = "disabled"
    """The receiver said that it is gone. Nothing is kept any more; a replay brings what was missed."""


TRANSITIONS: dict[DeliveryStatus, frozenset[DeliveryStatus]] = {
    DeliveryStatus.PENDING: frozenset({DeliveryStatus.DELIVERED, DeliveryStatus.DEAD}),
    DeliveryStatus.DEAD: frozenset({DeliveryStatus.PENDING}),
    DeliveryStatus.DELIVERED: frozenset(),
}
