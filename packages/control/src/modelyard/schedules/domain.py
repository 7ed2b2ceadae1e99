"""A schedule: what makes its runs, which version each retrains, and what becomes of runs that meet. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from modelyard.errors import Invalid
from modelyard.registry.provenance import DataReference
from modelyard.schedules.cron import Cron, Missed
from modelyard.schedules.states import RunStatus, ScheduleStatus

PRODUCTION, LATEST = "production", "latest"
TRIGGERING = frozenset({"version.archived", "version.production", "version.deleted", "drift.found"})
"""Events after which something may be retrained. None of them is one that a retraining makes itself."""


class Overlap(StrEnum):
    """What becomes of a run while the job of the one before has not ended."""

    REFUSE = "refuse"
    QUEUE = "queue"
    """It waits; of several that would wait, the first does."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """What makes runs: planned times, an event, or announcements at the schedule's own address."""

    cron: Cron | None = None
    event_type: str | None = None

    @property
    def is_announced(self) -> bool:
        """Whether somebody announces new data."""
        return self.cron is None and self.event_type is None


@dataclass(frozen=True, kw_only=True, slots=True)
class Schedule:
    """A schedule of one model."""

    schedule_id: str
    tenant_id: str
    model_name: str
    description: str
    which: str
    """The version that is retrained: `production`, `latest`, or a number."""
    trigger: Trigger
    changes: Mapping[str, Any]
    """Of the recipe, as the request said them."""
    overlap: Overlap
    missed: Missed
    status: ScheduleStatus
    next_at: datetime | None
    key_digest: str | None
    """Of the key in the address at which new data is announced."""
    created_by: str
    scopes: Sequence[str] | None
    """Of the token that it was made with; its runs have no more."""
    made_by: Sequence[str]
    created_at: datetime
    updated_at: datetime

    @property
    def subject(self) -> str:
        """As the audit log names it: an entry of its model."""
        return f"models/{self.model_name}/schedules/{self.schedule_id}"

    def upcoming(self, now: datetime, count: int) -> Sequence[datetime]:
        """The next planned times; none of one that is paused or waits for something else."""
        if self.trigger.cron is None or self.status is ScheduleStatus.PAUSED:
            return []
        return self.trigger.cron.after(now, count)


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """One run of a schedule. Its occasion is what it is made once for."""

    schedule_id: str
    tenant_id: str
    occasion: str
    planned_at: datetime
    status: RunStatus
    job_id: str | None
    reason: str | None
    missed: int
    """How many planned times this row stands for that nobody was there for."""
    data: Mapping[str, DataReference] = field(default_factory=dict)
    """What its announcement named."""

    @property
    def idempotency_key(self) -> str:
        """That of its job: so there is one, however often it is begun."""
        return f"{self.schedule_id}/{self.occasion}"


def checked_which(which: str) -> str:
    """Which version is retrained.

    Raises:
        Invalid: code `version_invalid`.
    """
    is_number = which.isascii() and which.isdigit() and 0 < len(which) <= 10 and int(which) > 0
    if which in {PRODUCTION, LATEST} or is_number:
        return which
    raise Invalid(
        f"version: expected '{PRODUCTION}', '{LATEST}' or a version's number, got {which[:80]!r}",
        code="version_invalid",
        field="version",
    )


def checked_trigger(*, cron: str | None, time_zone: str, event: str | None, is_announced: bool) -> Trigger:
    """Exactly one trigger.

    Raises:
        Invalid: code `trigger_invalid` or `event_type_unknown`, or as `Cron.checked`.
    """
    if [cron is not None, event is not None, is_announced].count(True) != 1:
        raise Invalid(
            "trigger: expected exactly one of cron, event and announced", code="trigger_invalid", field="cron"
        )
    if event is not None and event not in TRIGGERING:
        raise Invalid(
            f"event: expected one of {', '.join(sorted(TRIGGERING))}, got {event[:80]!r}",
            code="event_type_unknown",
            field="event",
        )
    return Trigger(None if cron is None else Cron.checked(cron, time_zone), event)
