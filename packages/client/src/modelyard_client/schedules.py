"""Schedules: what retrains versions at planned times, after events, and when new data is announced."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from modelyard_client.transport import Transport, path
from modelyard_client.wire import Fields

_ROOT = ("api", "v1", "schedules")


@dataclass(frozen=True, kw_only=True, slots=True)
class ScheduleRun:
    """A run of a schedule. `status` is planned, started, refused or missed; what came of it its job says."""

    occasion: str
    planned_at: datetime | None
    status: str
    job_id: str | None
    reason: str | None
    missed: int
    """For how many planned times without a control plane it stands."""

    @classmethod
    def from_json(cls, value: object) -> "ScheduleRun":
        """Read a run of the API."""
        fields = Fields(value, noun="run")
        return cls(
            occasion=fields.text("occasion"),
            planned_at=fields.optional_time("planned_at"),
            status=fields.text("status"),
            job_id=fields.optional_text("job_id"),
            reason=fields.optional_text("reason"),
            missed=fields.integer("missed"),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Schedule:
    """A schedule. Of cron, event and announced it has one."""

    schedule_id: str
    model_name: str
    version: str
    """The version that it retrains: `production`, `latest`, or a number."""
    cron: str | None
    time_zone: str | None
    event: str | None
    announced: bool
    recipe: Mapping[str, Any]
    overlap: str
    missed: str
    description: str | None
    status: str
    next_times: Sequence[str]
    created_by: str
    address: str | None
    """Where new data is announced, without a token: known of one that was just made only. It holds a secret."""
    runs: Sequence[ScheduleRun]
    """The last ones, newest first, where one schedule is asked for."""

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Schedule":
        """Read a schedule of the API."""
        fields = Fields(value, noun="schedule")
        return cls(
            schedule_id=fields.text("schedule_id"),
            model_name=fields.text("model_name"),
            version=fields.text("version"),
            cron=fields.optional_text("cron"),
            time_zone=fields.optional_text("time_zone"),
            event=fields.optional_text("event"),
            announced=fields.boolean("announced"),
            recipe=fields.mapping("recipe"),
            overlap=fields.text("overlap"),
            missed=fields.text("missed"),
            description=fields.optional_text("description"),
            status=fields.text("status"),
            next_times=tuple(value.get("next_times", ())),
            created_by=fields.text("created_by"),
            address=fields.optional_text("address") if "address" in value else None,
            runs=tuple(ScheduleRun.from_json(run) for run in value.get("runs", ())),
        )


class Schedules:
    """`client.schedules`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(
        self,
        model_name: str,
        *,
        version: str = "production",
        cron: str | None = None,
        time_zone: str = "UTC",
        event: str | None = None,
        announced: bool = False,
        recipe: Mapping[str, Any] | None = None,
        overlap: str = "refuse",
        missed: str = "skip",
        description: str = "",
    ) -> Schedule:
        """Have a version retrained: at planned times, after an event, or when new data is announced.

        Args:
            version: `production` or `latest` as they are at that time, or a number.
            cron: minute, hour, day of month, month, day of week, in `time_zone` (of the IANA database).
            event: a type of event of the model, like `version.archived` or `drift.found`.
            announced: make an address of its own; the answer has it, this once.
            recipe: what runs otherwise than the version's recipe says: `arguments`, `parameters`, `environment`,
                `runner`, `timeout_seconds`, `update_requirements`, `stage_if`.
            overlap: a run while the one before has not ended: `refuse` it, or `queue` one.
            missed: planned times at which no control plane was there: `skip`, or `run_once`.

        Raises:
            Invalid: something in the request is wrong; `field` names it.
        """
        body = {
            "model_name": model_name,
            "version": version,
            "cron": cron,
            "time_zone": time_zone,
            "event": event,
            "announced": announced,
            "recipe": dict(recipe or {}),
            "overlap": overlap,
            "missed": missed,
            "description": description,
        }
        return Schedule.from_json(self._transport.post(path(*_ROOT), body))

    def list(self, model_name: str | None = None, *, limit: int | None = None) -> Iterator[Schedule]:
        """Schedules, newest first, fetched page by page as they are asked for."""
        query = {"model_name": model_name}
        pages = self._transport.pages(path(*_ROOT), plural="schedules", query=query, limit=limit)
        return (Schedule.from_json(item) for item in pages)

    def get(self, schedule_id: str) -> Schedule:
        """One schedule with its last runs.

        Raises:
            NotFound: there is no such schedule.
        """
        return Schedule.from_json(self._transport.get(path(*_ROOT, schedule_id)))

    def pause(self, schedule_id: str) -> Schedule:
        """Let it make no more runs until it is resumed."""
        return Schedule.from_json(self._transport.post(path(*_ROOT, schedule_id, "pause")))

    def resume(self, schedule_id: str) -> Schedule:
        """Let it make runs again, from its next planned time on."""
        return Schedule.from_json(self._transport.post(path(*_ROOT, schedule_id, "resume")))

    def run(self, schedule_id: str, *, idempotency_key: str | None = None) -> ScheduleRun:
        """Plan a run for now, in the name of who made the schedule. The same key is the same run."""
        key = idempotency_key or str(uuid4())
        return ScheduleRun.from_json(self._transport.post(path(*_ROOT, schedule_id, "run"), None, idempotency_key=key))

    def delete(self, schedule_id: str) -> None:
        """Delete a schedule. Jobs that it has made go on."""
        self._transport.send("DELETE", path(*_ROOT, schedule_id))
