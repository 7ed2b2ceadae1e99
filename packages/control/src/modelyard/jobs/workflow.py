"""The frame of every workflow: it begins the job, runs its steps with patience, and writes its end in any case."""

from collections.abc import Callable, Mapping
from typing import Any

import structlog

from modelyard.errors import Kind, ModelyardError, Unavailable
from modelyard.jobs.domain import Job
from modelyard.jobs.service import AFTER_RUN, JobCancelled, JobService
from modelyard.ports.clock import Clock
from modelyard.ports.job_engine import Steps, Workflow

logger = structlog.get_logger()

Result = Mapping[str, Any]
_FIRST_WAIT_SECONDS = 0.5
_LONGEST_WAIT_SECONDS = 15.0


class JobSteps:
    """The steps of one job, for the body of its workflow.

    A step that raises Unavailable is repeated with back-off until it passes or the job is cancelled. Any other error
    is kept as the step's result, so that after a crash the job fails the same way, and ends the body.
    """

    def __init__(self, *, job: Job, steps: Steps, jobs: JobService, clock: Clock) -> None:
        self.job = job
        self._steps = steps
        self._jobs = jobs
        self._clock = clock

    def run(self, name: str, step: Callable[[], Result]) -> Result:
        """The step's result.

        Raises:
            JobCancelled: somebody asked for the job's end.
            ModelyardError: the step failed.
        """
        outcome = self._steps.run(name, lambda: self._outcome(step))
        if outcome.get("cancelled"):
            raise JobCancelled
        if error := outcome.get("error"):
            raise ModelyardError(error["message"], code=error["code"], kind=Kind(error["kind"]))
        result: Result = outcome["result"]
        return result

    def _outcome(self, step: Callable[[], Result]) -> Result:
        try:
            return {"result": self._patiently(step)}
        except JobCancelled:
            return {"cancelled": True}
        except ModelyardError as exc:
            return {"error": {"message": exc.message, "code": exc.code, "kind": exc.kind}}
        except Exception:
            logger.exception("a step broke", job_id=self.job.job_id)
            return {"error": {"message": _INTERNAL, "code": "internal_error", "kind": Kind.INTERNAL}}

    def _patiently(self, step: Callable[[], Result]) -> Result:
        wait = _FIRST_WAIT_SECONDS
        while True:
            self._jobs.raise_if_cancelled(self.job.job_id)
            try:
                return step()
            except Unavailable as exc:
                logger.warning("a job waits", job_id=self.job.job_id, reason=exc.message, seconds=wait)
                self._clock.sleep(wait)
                wait = min(2 * wait, _LONGEST_WAIT_SECONDS)


_INTERNAL = "an internal error; the log of the control plane has the details under this job's id"


def workflow(
    body: Callable[[JobSteps], Result],
    *,
    jobs: JobService,
    clock: Clock,
    on_failure: Callable[[Job], None] = lambda _: None,
) -> Workflow:
    """A workflow that runs `body` and ends the job with what it gives, or with why it failed.

    `on_failure` takes away what the job leaves behind when it failed or was cancelled; it is idempotent.
    """

    def run(job_id: str, steps: Steps) -> None:
        job = jobs.begin(job_id)
        if job is None:
            return
        try:
            result = body(JobSteps(job=job, steps=steps, jobs=jobs, clock=clock))
        except JobCancelled:
            on_failure(job)
            jobs.end_cancelled(job_id)
        except ModelyardError as exc:
            on_failure(job)
            jobs.fail(job_id, exc)
        else:
            jobs.log(job_id).write(AFTER_RUN, "done")
            jobs.succeed(job_id, **result)

    return run
