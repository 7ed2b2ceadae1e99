"""The frame of every workflow: it begins the job, runs its steps with patience, and writes its end in any case."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog

from modelyard.disk import is_about_space
from modelyard.errors import DiskFull, Kind, ModelyardError, Unavailable
from modelyard.jobs.domain import Job, JobKind
from modelyard.jobs.service import JobCancelled, JobService
from modelyard.leases.domain import LeaseLostError, LeavingError
from modelyard.ports.clock import Clock
from modelyard.ports.job_engine import Steps, Workflow

logger = structlog.get_logger()

T = TypeVar("T")
Result = Mapping[str, Any]
_FIRST_WAIT_SECONDS = 0.5
_LONGEST_WAIT_SECONDS = 15.0
_INTERNAL = "an internal error; the log of the control plane has the details under this job's id"


class Interrupted(BaseException):
    """This process does not go on with the job: it is ending, or another one has taken over."""


class JobSteps:
    """The steps of one job, for the body of its workflow.

    `check_space` raises DiskFull when the job must not take space now. A step ends with that, also when it was another
    error that came of it. What else raises Unavailable is repeated with back-off until it passes or the job is
    cancelled. Any other error of a step is kept as its result, so that after a crash the job fails the same way, and
    ends the body.
    """

    def __init__(
        self, *, job: Job, steps: Steps, jobs: JobService, clock: Clock, check_space: Callable[[], None]
    ) -> None:
        self.job = job
        self._steps = steps
        self._jobs = jobs
        self._clock = clock
        self._check_space = check_space

    def run(self, name: str, step: Callable[[], Result]) -> Result:
        """The step's result.

        Raises:
            JobCancelled: somebody asked for the job's end.
            ModelyardError: the step failed.
        """
        try:
            outcome = self._steps.run(name, lambda: self._outcome(step))
        except Exception as exc:
            raise Interrupted from exc
        if outcome.get("cancelled"):
            raise JobCancelled
        if error := outcome.get("error"):
            raise ModelyardError(error["message"], code=error["code"], kind=Kind(error["kind"]))
        result: Result = outcome["result"]
        return result

    def enter(self, phase: str, **result: Any) -> None:
        """Note that the job is at this phase, with what is known by now."""
        _retry(lambda: self._jobs.enter(self.job.job_id, phase, **result), job_id=self.job.job_id, clock=self._clock)

    def _outcome(self, step: Callable[[], Result]) -> Result:
        def unless_cancelled() -> Result:
            self._jobs.raise_if_cancelled(self.job.job_id)
            self._check_space()
            return step()

        try:
            result = _retry(unless_cancelled, job_id=self.job.job_id, clock=self._clock, gives_up=DiskFull)
        except JobCancelled:
            return {"cancelled": True}
        except LeaseLostError as exc:
            raise Interrupted from exc
        except Exception as exc:  # noqa: BLE001 - whatever it is, it is the step's result
            error = self._for_want_of_space(exc) or _as_error(exc, job_id=self.job.job_id)
            return {"error": {"message": error.message, "code": error.code, "kind": error.kind.value}}
        return {"result": result}

    def _for_want_of_space(self, exc: Exception) -> DiskFull | None:
        """What a step failed with, if it failed since the disk was full."""
        if isinstance(exc, DiskFull):
            return exc
        said = f"; {exc.message}" if isinstance(exc, ModelyardError) else ""
        try:
            self._check_space()
        except DiskFull as full:
            return DiskFull(f"{full.message}{said}")
        return DiskFull(f"disk full: a step needs more than there was{said}") if is_about_space(exc) else None


@dataclass(frozen=True, slots=True)
class JobWork:
    """What the jobs of a kind do, as the kind's own noun brings it."""

    kind: JobKind
    body: Callable[[JobSteps], Result]
    on_failure: Callable[[Job], None]
    """Takes away what a job leaves behind that failed or was cancelled; idempotent."""


def workflow(
    work: JobWork,
    *,
    jobs: JobService,
    clock: Clock,
    guarding: Callable[[], AbstractContextManager[None]],
    check_space: Callable[[], None],
) -> Workflow:
    """A workflow that does the work and ends the job with what its body gives, or with why it failed.

    `guarding` refuses the writes of a process that is taken for dead. `check_space` raises DiskFull; a kind of job
    that takes no space is not checked.
    """

    frame = _Frame(
        body=work.body,
        jobs=jobs,
        clock=clock,
        on_failure=work.on_failure,
        check_space=check_space if work.kind.takes_space else _need_no_space,
    )

    def run(job_id: str, steps: Steps) -> None:
        try:
            with guarding():
                frame.run(job_id, steps)
        except (LeaseLostError, LeavingError) as exc:
            raise Interrupted from exc

    return run


def workflows(
    works: Sequence[JobWork],
    *,
    jobs: JobService,
    clock: Clock,
    guarding: Callable[[], AbstractContextManager[None]],
    check_space: Callable[[], None],
) -> dict[str, Workflow]:
    """By the kind's name: what its jobs do. It refuses to leave out a kind of which there may be jobs."""
    made = {
        work.kind.name: workflow(work, jobs=jobs, clock=clock, guarding=guarding, check_space=check_space)
        for work in works
    }
    if missing := jobs.kinds.keys() ^ made.keys():
        raise RuntimeError(f"nobody says what these jobs do, or that there may be some: {', '.join(sorted(missing))}")
    return made


@dataclass(frozen=True, slots=True)
class _Frame:
    """What is done around the body of a job: from its begin to its end, whatever the body gives or raises."""

    body: Callable[[JobSteps], Result]
    jobs: JobService
    clock: Clock
    on_failure: Callable[[Job], None]
    check_space: Callable[[], None]

    def run(self, job_id: str, steps: Steps) -> None:
        job = self._surely(job_id, lambda: self.jobs.begin(job_id))
        if job is None:
            # One that was cancelled before it began has left behind what was written down alongside it.
            cancelled = self._surely(job_id, lambda: self.jobs.cancelled(job_id))
            if cancelled is not None:
                self._take_away(cancelled)
            return
        try:
            result = self.body(
                JobSteps(job=job, steps=steps, jobs=self.jobs, clock=self.clock, check_space=self.check_space)
            )
        except JobCancelled:
            self._take_away(job)
            self._surely(job_id, lambda: self.jobs.end_cancelled(job_id))
        except LeaseLostError:
            raise
        except Exception as exc:  # noqa: BLE001 - whatever it is, the job ends with it
            error = _as_error(exc, job_id=job_id)
            self._take_away(job)
            self._surely(job_id, lambda: self.jobs.fail(job_id, error))
        else:
            self._surely(job_id, lambda: self.jobs.succeed(job_id, **result))

    def _take_away(self, job: Job) -> None:
        self._surely(job.job_id, lambda: _take_away(job, self.on_failure))

    def _surely(self, job_id: str, call: Callable[[], T]) -> T:
        return _retry(call, job_id=job_id, clock=self.clock)


def _retry(call: Callable[[], T], *, job_id: str, clock: Clock, gives_up: type[Unavailable] | tuple[()] = ()) -> T:
    """What the call gives at last; it is repeated while what it needs is away, but for what nobody waits for."""
    wait = _FIRST_WAIT_SECONDS
    while True:
        try:
            return call()
        except Unavailable as exc:
            if isinstance(exc, gives_up):
                raise
            logger.warning("a job waits", job_id=job_id, reason=exc.message, seconds=wait)
            clock.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT_SECONDS)


def _take_away(job: Job, on_failure: Callable[[Job], None]) -> None:
    """Whatever goes wrong here, the job still ends."""
    try:
        on_failure(job)
    except (Unavailable, LeaseLostError):
        raise
    except Exception as exc:
        if is_about_space(exc):
            raise DiskFull("disk full: what the job left behind cannot be taken away yet") from exc
        logger.exception("what a job left behind could not be taken away", job_id=job.job_id)


def _need_no_space() -> None:
    """What gives space back is begun on a full disk too."""


def _as_error(exc: Exception, *, job_id: str) -> ModelyardError:
    if isinstance(exc, ModelyardError):
        return exc
    logger.error("a job broke", job_id=job_id, exc_info=exc)
    return ModelyardError(_INTERNAL, code="internal_error")
