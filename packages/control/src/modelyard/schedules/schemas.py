"""Schedules on the wire."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from modelyard.http.bodies import RequestBody
from modelyard.naming import MAX_NAME
from modelyard.registry.schemas import Answer
from modelyard.retraining.schemas import RecipeBody
from modelyard.schedules.cron import Missed
from modelyard.schedules.domain import PRODUCTION, Overlap, Run, Schedule, checked_trigger
from modelyard.schedules.service import NewSchedule
from modelyard.training.schemas import Data

_NEXT = 5


class ScheduleBody(RequestBody):
    """What is retrained, and when: exactly one of `cron`, `event` and `announced`."""

    model_name: str = Field(max_length=MAX_NAME)
    version: str = Field(
        default=PRODUCTION, description="`production` or `latest` as they are then, or a version's number"
    )
    cron: str | None = Field(
        default=None, max_length=200, description="minute, hour, day of month, month, day of week: `30 3 * * mon-fri`"
    )
    time_zone: str = Field(default="UTC", max_length=100, description="of the IANA database: `Europe/Berlin`")
    event: str | None = Field(
        default=None, max_length=60, description="a type of event of the model: `version.archived`, `drift.found`, …"
    )
    announced: bool = Field(
        default=False, description="make an address of its own, where somebody else's system announces new data"
    )
    recipe: RecipeBody = Field(default_factory=RecipeBody, description="what runs otherwise than the recipe says")
    overlap: Annotated[Overlap, Field(strict=False)] = Field(
        default=Overlap.REFUSE, description="a run while the one before has not ended: `refuse` it, or `queue` one"
    )
    missed: Annotated[Missed, Field(strict=False)] = Field(
        default=Missed.SKIP, description="planned times at which no control plane was there: `skip`, or `run_once`"
    )
    description: str = Field(default="", max_length=2000)

    def new(self) -> NewSchedule:
        """As the service takes it.

        Raises:
            Invalid: the trigger.
        """
        return NewSchedule(
            model_name=self.model_name,
            which=self.version,
            trigger=checked_trigger(
                cron=self.cron, time_zone=self.time_zone, event=self.event, is_announced=self.announced
            ),
            changes=self.recipe.changes(),
            overlap=self.overlap,
            missed=self.missed,
            description=self.description,
        )


class AnnouncementBody(RequestBody):
    """New data, if anything is said of it."""

    data: Data = Field(default={})


class RunAnswer(Answer):
    """One run of a schedule."""

    occasion: str = Field(description="what it was made once for: a planned time, an event, an announcement, a request")
    planned_at: datetime
    status: str = Field(description="`planned`, `started`, `refused` or `missed`; what came of it its job says")
    job_id: str | None
    reason: str | None = Field(description="why it was refused or missed")
    missed: int = Field(description="for how many planned times without a control plane it stands")

    @classmethod
    def of(cls, run: Run) -> "RunAnswer":
        """The run on the wire."""
        return cls(
            occasion=run.occasion,
            planned_at=run.planned_at,
            status=run.status,
            job_id=run.job_id,
            reason=run.reason,
            missed=run.missed,
        )


class ScheduleAnswer(Answer):
    """A schedule."""

    schedule_id: str
    model_name: str
    version: str
    cron: str | None
    time_zone: str | None
    event: str | None
    announced: bool
    recipe: dict[str, Any] = Field(description="what runs otherwise than the recipe of the version says")
    overlap: Overlap
    missed: Missed
    description: str
    status: str
    next_times: list[datetime]
    created_by: str = Field(description="in whose name its runs are, with the rights that they have then")
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, schedule: Schedule, now: datetime) -> "ScheduleAnswer":
        """The schedule on the wire."""
        return cls(**_fields(schedule, now))


class MadeScheduleAnswer(ScheduleAnswer):
    """A schedule that was just made."""

    address: str | None = Field(
        description="of one that waits for announcements: where they are posted to, without a token. It holds a "
        "secret, and is shown this once"
    )

    @classmethod
    def made(cls, schedule: Schedule, now: datetime, address: str | None) -> "MadeScheduleAnswer":
        """The schedule on the wire, with its secret."""
        return cls(**_fields(schedule, now), address=address)


class ScheduleWithRunsAnswer(ScheduleAnswer):
    """A schedule with its last runs, newest first."""

    runs: list[RunAnswer]

    @classmethod
    def with_runs(cls, schedule: Schedule, now: datetime, runs: Sequence[Run]) -> "ScheduleWithRunsAnswer":
        """The schedule on the wire."""
        return cls(**_fields(schedule, now), runs=[RunAnswer.of(run) for run in runs])


class SchedulesAnswer(Answer):
    """A page of schedules, newest first."""

    schedules: list[ScheduleAnswer]
    next_cursor: str | None


def _fields(schedule: Schedule, now: datetime) -> dict[str, Any]:
    cron = schedule.trigger.cron
    return {
        "schedule_id": schedule.schedule_id,
        "model_name": schedule.model_name,
        "version": schedule.which,
        "cron": None if cron is None else cron.expression,
        "time_zone": None if cron is None else cron.time_zone,
        "event": schedule.trigger.event_type,
        "announced": schedule.trigger.is_announced,
        "recipe": dict(schedule.changes),
        "overlap": schedule.overlap,
        "missed": schedule.missed,
        "description": schedule.description,
        "status": schedule.status,
        "next_times": list(schedule.upcoming(now, _NEXT)),
        "created_by": schedule.created_by,
        "created_at": schedule.created_at,
        "updated_at": schedule.updated_at,
    }
