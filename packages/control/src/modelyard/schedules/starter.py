"""Begins the runs that are planned: it makes their jobs, once each, in the name of who made the schedule.

A process that is killed between the job and the note of it finds the job by its key afterwards.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import structlog

from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.errors import Conflict, Forbidden, ModelyardError, Unavailable
from modelyard.jobs.service import JobService
from modelyard.principals import Permission
from modelyard.retraining.domain import Changes
from modelyard.retraining.service import RetrainingService
from modelyard.schedules import store
from modelyard.schedules.domain import Overlap, Run, Schedule
from modelyard.schedules.planning import Planner
from modelyard.schedules.rights import StandsIn, maker_of, named
from modelyard.schedules.service import ScheduleService
from modelyard.schedules.states import TRANSITIONS, RunStatus

logger = structlog.get_logger()

_ACTIONS = {RunStatus.STARTED: "schedule.run_started", RunStatus.REFUSED: "schedule.run_refused"}
_AT_ONCE = 1000
_KEPT = timedelta(days=90)
_LOOKED_AT = 20
"""Runs before this one whose jobs may go on still."""


class ScheduleStarter:
    """What works in the background: plan, then begin."""

    def __init__(
        self,
        *,
        database: Database,
        audit: AuditLog,
        planner: Planner,
        schedules: ScheduleService,
        jobs: JobService,
        retraining: RetrainingService,
        stands_in: StandsIn,
    ) -> None:
        self._database = database
        self._audit = audit
        self._planner = planner
        self._schedules = schedules
        self._jobs = jobs
        self._retraining = retraining
        self._stands_in = stands_in

    def make_pass(self) -> bool:
        """Write down what has become due and begin what is planned; whether there may be more at once."""
        is_more = self._planner.plan_due()
        with self._database.read() as connection:
            planned = store.planned_runs(connection, limit=_AT_ONCE)
        waiting = set[str]()
        for run in planned:
            if not self._begin(run, is_behind_another=run.schedule_id in waiting):
                waiting.add(run.schedule_id)
        return is_more

    def _begin(self, run: Run, *, is_behind_another: bool) -> bool:
        """Whether the run was decided; it waits otherwise."""
        with self._database.read() as connection:
            schedule = store.find(connection, run.schedule_id)
        if schedule is None:
            return True
        if (job := self._jobs.of_key(run.tenant_id, run.idempotency_key)) is not None:
            self._end(schedule, run, RunStatus.STARTED, job_id=job.job_id)
            return True
        try:
            if is_behind_another:
                raise Conflict("a run of the schedule waits already", code="run_waits")
            if (before := self._unfinished_before(run)) is not None:
                if schedule.overlap is Overlap.QUEUE:
                    return False
                raise Conflict(f"job '{before}' of the run before has not ended", code="run_overlaps")
            self._end(schedule, run, RunStatus.STARTED, job_id=self._submit(schedule, run))
        except Unavailable as exc:
            logger.warning("a run of a schedule waits", schedule_id=run.schedule_id, reason=exc.message)
            return False
        except ModelyardError as exc:
            self._end(schedule, run, RunStatus.REFUSED, reason=f"{exc.message} ({exc.code})")
        return True

    def _submit(self, schedule: Schedule, run: Run) -> str:
        maker = maker_of(schedule, self._stands_in)
        if not maker.may(Permission.JOBS_WRITE):
            raise Forbidden(
                f"'{maker.subject}', who made the schedule, does not have the permission '{Permission.JOBS_WRITE}' now",
                code="permission_missing",
            )
        number = self._schedules.version_of(maker, schedule)
        if number is None:
            raise Conflict(
                f"model '{schedule.model_name}' has no version that is '{schedule.which}'", code="version_missing"
            )
        changes = Changes.from_json(schedule.changes)
        job = self._retraining.retrain(
            maker,
            schedule.model_name,
            number,
            replace(changes, data={**changes.data, **run.data}),
            idempotency_key=run.idempotency_key,
            asked={"schedule": run.schedule_id, "occasion": run.occasion},
        )
        return job.job_id

    def _unfinished_before(self, run: Run) -> str | None:
        """A job of an earlier run that has not ended."""
        with self._database.read() as connection:
            started = store.last_runs(connection, run.schedule_id, limit=_LOOKED_AT, status=RunStatus.STARTED)
        jobs = [each.job_id for each in started if each.job_id is not None]
        return next(iter(sorted(self._jobs.unfinished_of(jobs))), None) if jobs else None

    def _end(self, schedule: Schedule, run: Run, status: RunStatus, **fields: Any) -> None:
        """The one place where a planned run is decided."""
        with self._database.write() as connection:
            if store.lock(connection, run.schedule_id) is None:
                return  # It was deleted meanwhile.
            now = store.find_run(connection, run.schedule_id, run.occasion)
            if now is None or status not in TRANSITIONS[now.status]:
                return
            store.change_run(connection, run, status=status, **fields)
            store.forget_runs(connection, run.schedule_id, before=run.planned_at - _KEPT)
            self._audit.record(
                connection,
                principal=named(schedule),
                action=_ACTIONS[status],
                subject=schedule.subject,
                reason=fields.get("reason", ""),
                after={"occasion": run.occasion, "job_id": fields.get("job_id")},
            )
