"""The import on request as a durable job: fetching all files of many versions takes longer than a caller waits.

A page of models is one step, so after a crash it goes on with the page where it was; what that had imported already is
not imported again. What the job reports is bounded; how much there was is counted.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from modelyard.jobs.domain import Job
from modelyard.jobs.log import AFTER_RUN
from modelyard.jobs.service import JobService, owner_of
from modelyard.jobs.states import JobStatus
from modelyard.jobs.workflow import JobSteps, JobWork, Result
from modelyard.mirror.kinds import IMPORT, Phase
from modelyard.mirror.reconciliation import Outcome, Reconciliation
from modelyard.principals import Principal

MAX_REPORTED = 1000
"""Imported versions, and refused ones, that the job's result names."""
_MODELS_AT_ONCE = 5


@dataclass(frozen=True, slots=True)
class Importing:
    """Imports of all tenants."""

    jobs: JobService
    reconciliation: Reconciliation

    @property
    def work(self) -> JobWork:
        """What an import does. One that fails leaves what it has imported."""
        return JobWork(IMPORT, self.take_over, lambda _: None)

    def begin(self, principal: Principal) -> Job:
        """A job that imports what was registered in the tracker. While one of the tenant's is under way: that one."""
        for status in (JobStatus.RUNNING, JobStatus.QUEUED):
            under_way = self.jobs.page(principal, kind=IMPORT, status=status, limit=1).items
            if under_way:
                return under_way[0]
        return self.jobs.create(principal, kind=IMPORT, model_name="", request={}, experiment_name=None)

    def find(self, principal: Principal, job_id: str) -> Job:
        """One of these jobs.

        Raises:
            NotFound: code `job_not_found`.
        """
        return self.jobs.get(principal, job_id, kinds=(IMPORT,))

    def take_over(self, steps: JobSteps) -> Result:
        """Page after page: gives what was imported and what was refused."""
        totals: dict[str, Any] = {"models": 0, "imported": [], "refused": [], "imported_count": 0, "refused_count": 0}
        steps.enter(Phase.IMPORTING, **totals)
        cursor: str | None = None
        number = 1
        while number == 1 or cursor is not None:
            page = steps.run(f"page {number}", lambda at=cursor: self._page(steps.job, at))  # type: ignore[misc]
            totals = _added(totals, page)
            steps.enter(Phase.IMPORTING, **totals)
            cursor, number = page["next_cursor"], number + 1
        return totals

    def _page(self, job: Job, cursor: str | None) -> Result:
        found = self.reconciliation.import_all(owner_of(job), limit=_MODELS_AT_ONCE, cursor=cursor)
        imported = [one for outcome in found.outcomes if (one := _imported(outcome)) is not None]
        refused = [asdict(outcome.drift) for outcome in found.outcomes if not outcome.is_settled]
        log = self.jobs.log(job.job_id)
        for one in imported:
            source = f"version {one['mlflow_version']} of '{one['mlflow_name']}'"
            log.write(AFTER_RUN, f"imported {one['name']}/{one['version']} of {source}")
        for drift in refused:
            log.write(
                AFTER_RUN, f"not imported: '{drift['tracker_name']}' {drift['tracker_version']}: {drift['reason']}"
            )
        return {"models": found.models, "imported": imported, "refused": refused, "next_cursor": found.next_cursor}


def _imported(outcome: Outcome) -> dict[str, Any] | None:
    """The imported version; None if this is none, or somebody else imported it just now."""
    if outcome.version is None or outcome.drift.tracker_version is None:
        return None
    return {
        "name": outcome.version.model_name,
        "version": outcome.version.version,
        "mlflow_name": outcome.drift.tracker_name,
        "mlflow_version": outcome.drift.tracker_version,
    }


def _added(totals: Result, page: Result) -> dict[str, Any]:
    imported: Sequence[Any] = page["imported"]
    refused: Sequence[Any] = page["refused"]
    return {
        "models": totals["models"] + page["models"],
        "imported": [*totals["imported"], *imported][:MAX_REPORTED],
        "refused": [*totals["refused"], *refused][:MAX_REPORTED],
        "imported_count": totals["imported_count"] + len(imported),
        "refused_count": totals["refused_count"] + len(refused),
    }
