"""The life of a subscription."""

from enum import StrEnum


class SubscriptionStatus(StrEnum):
    """Whether the keys of a subscription open anything."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    """Closed until somebody activates it again."""
    CANCELLED = "cancelled"
    """Closed for good."""
    EXPIRED = "expired"
    """Its time is over. Never stored: the clock says so."""


TRANSITIONS: dict[SubscriptionStatus, frozenset[SubscriptionStatus]] = {
    SubscriptionStatus.ACTIVE: frozenset({SubscriptionStatus.SUSPENDED, SubscriptionStatus.CANCELLED}),
    SubscriptionStatus.SUSPENDED: frozenset({SubscriptionStatus.ACTIVE, SubscriptionStatus.CANCELLED}),
    SubscriptionStatus.EXPIRED: frozenset({SubscriptionStatus.SUSPENDED, SubscriptionStatus.CANCELLED}),
    SubscriptionStatus.CANCELLED: frozenset(),
}
