"""Rates and quotas: how many requests in how much time. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

MOST_CALLS = 1_000_000_000
MOST_RATE_SECONDS = 3600
_MONDAY_WEEK = 7
_DECEMBER = 12


class QuotaPeriod(StrEnum):
    """A span of the calendar, in UTC."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    """From Monday on."""
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Rate:
    """At most so many requests in so many seconds: a bucket of `calls` that fills evenly."""

    calls: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Quota:
    """At most so many requests in a span of the calendar."""

    calls: int
    period: QuotaPeriod


@dataclass(frozen=True, slots=True)
class Limits:
    """What is limited, and whether what is over it is refused or only counted."""

    rate: Rate | None = None
    quota: Quota | None = None
    is_enforced: bool = True

    def to_json(self) -> dict[str, Any]:
        """All of it, by name."""
        return {
            "rate": None if self.rate is None else {"calls": self.rate.calls, "seconds": self.rate.seconds},
            "quota": None if self.quota is None else {"calls": self.quota.calls, "period": self.quota.period},
            "is_enforced": self.is_enforced,
        }

    @classmethod
    def of_json(cls, content: Mapping[str, Any]) -> "Limits":
        """The same, read."""
        rate, quota = content["rate"], content["quota"]
        return cls(
            rate=None if rate is None else Rate(rate["calls"], rate["seconds"]),
            quota=None if quota is None else Quota(quota["calls"], QuotaPeriod(quota["period"])),
            is_enforced=content["is_enforced"],
        )


UNLIMITED = Limits()


def period_start(period: QuotaPeriod, now: datetime) -> datetime:
    """When the span began that holds now."""
    hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    day = hour.replace(hour=0)
    match period:
        case QuotaPeriod.HOUR:
            return hour
        case QuotaPeriod.DAY:
            return day
        case QuotaPeriod.WEEK:
            return day - timedelta(days=day.weekday())
        case QuotaPeriod.MONTH:
            return day.replace(day=1)


def period_end(period: QuotaPeriod, now: datetime) -> datetime:
    """When the next span begins."""
    start = period_start(period, now)
    match period:
        case QuotaPeriod.HOUR:
            return start + timedelta(hours=1)
        case QuotaPeriod.DAY:
            return start + timedelta(days=1)
        case QuotaPeriod.WEEK:
            return start + timedelta(days=_MONDAY_WEEK)
        case QuotaPeriod.MONTH:
            is_last = start.month == _DECEMBER
            return start.replace(year=start.year + is_last, month=1 if is_last else start.month + 1)
