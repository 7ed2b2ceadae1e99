"""Counts of requests. Pure."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class UsageRow:
    """What one node served to one caller of one API in one hour, since its last report."""

    tenant_id: str
    subscription_id: str
    """Empty: without a subscription."""
    scope: str
    """`api:<id>` or `model:<name>`."""
    hour: datetime
    calls: int
    refused: int
    """By a limit; they are not among the calls."""
    over_limit: int
    """Calls that a limit would have refused that only counts."""
    failed: int
    """Calls that ended with a status of 500 or more."""
    last_at: datetime


@dataclass(frozen=True, slots=True)
class UsageTotal:
    """The same, summed over hours and nodes."""

    subscription_id: str
    scope: str
    calls: int
    refused: int
    over_limit: int
    failed: int
    last_at: datetime
