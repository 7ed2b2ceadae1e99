"""Planned times: a cron expression in a time zone, as Debian's cron reads it. Pure.

Where clocks are set forward, what would have run in the gap runs at its end, once; what runs every hour or more often
goes on with the clock. Where they are set back, what runs at a fixed time runs once, the first time; what runs every
hour or more often runs in both hours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import islice
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from modelyard.errors import Invalid

MAX_EXPRESSION = 200
GRACE = timedelta(minutes=1)
"""A run that is begun so much later than it was planned has not been missed."""
_MOST_COUNTED = 1000
_FIELDS = 5


class Missed(StrEnum):
    """What becomes of runs at whose time no control plane was there."""

    SKIP = "skip"
    RUN_ONCE = "run_once"
    """The last of them is caught up, however many they were."""


@dataclass(frozen=True, slots=True)
class Cron:
    """When something is planned."""

    expression: str
    time_zone: str

    @classmethod
    def checked(cls, expression: str, time_zone: str) -> "Cron":
        """One that has a next time.

        Raises:
            Invalid: code `time_zone_unknown`, `cron_invalid`, or `cron_never`.
        """
        try:
            zone = ZoneInfo(time_zone)
        except (ValueError, OSError, KeyError) as exc:
            raise _unknown_zone(time_zone) from exc
        if len(expression.split()) != _FIELDS or len(expression) > MAX_EXPRESSION:
            raise _invalid(expression, "it has not five fields")
        try:
            times = CronSim(expression, datetime(2026, 1, 1, tzinfo=zone))
        except CronSimError as exc:
            raise _invalid(expression, str(exc)) from exc
        if next(times, None) is None:
            raise Invalid(f"cron: {expression[:80]!r} has no time in 50 years", code="cron_never", field="cron")
        return cls(expression, time_zone)

    def after(self, moment: datetime, count: int = 1) -> Sequence[datetime]:
        """The next planned times after a moment, in UTC."""
        times = CronSim(self.expression, moment.astimezone(ZoneInfo(self.time_zone)))
        return [each.astimezone(UTC) for each in islice(times, count)]

    def last_until(self, moment: datetime) -> datetime | None:
        """The last planned time that is not after a moment."""
        later = moment.astimezone(ZoneInfo(self.time_zone)) + timedelta(microseconds=1)
        return next((each.astimezone(UTC) for each in CronSim(self.expression, later, reverse=True)), None)


@dataclass(frozen=True, slots=True)
class Due:
    """What follows from the present time for a schedule whose next time has come."""

    run_at: datetime | None
    """The planned time that is run now."""
    missed_at: datetime | None
    """The last planned time that is not run any more."""
    missed: int
    """How many are not run any more; at most 1000 are counted."""
    next_at: datetime | None


def look(cron: Cron, next_at: datetime, now: datetime, policy: Missed) -> Due:
    """What of the planned times from `next_at` until now is run."""
    following = next(iter(cron.after(now)), None)
    last = cron.last_until(now)
    last = next_at if last is None or last < next_at else last
    is_run = now - last <= GRACE or policy is Missed.RUN_ONCE
    missed = [each for each in (next_at, *cron.after(next_at, _MOST_COUNTED - 1)) if each < last]
    if not is_run:
        return Due(run_at=None, missed_at=last, missed=min(len(missed) + 1, _MOST_COUNTED), next_at=following)
    missed_at = cron.last_until(last - timedelta(microseconds=1)) if missed else None
    return Due(run_at=last, missed_at=missed_at, missed=len(missed), next_at=following)


def _invalid(expression: str, reason: str) -> Invalid:
    return Invalid(
        "cron: expected five fields (minute, hour, day of month, month, day of week) like '30 3 * * mon-fri', got "
        f"{expression[:80]!r}: {reason}",
        code="cron_invalid",
        field="cron",
    )


def _unknown_zone(name: str) -> Invalid:
    return Invalid(
        f"time_zone: expected a name of the IANA time zone database, like 'Europe/Berlin' or 'UTC', got {name[:80]!r}",
        code="time_zone_unknown",
        field="time_zone",
    )
