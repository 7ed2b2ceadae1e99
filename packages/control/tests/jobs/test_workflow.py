"""The frame of every workflow: patience, cancellation, crashes, and an end in any case."""

import errno
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest

from modelyard.adapters.clock.manual import ManualClock
from modelyard.adapters.job_engine.inline import InlineJobEngine
from modelyard.errors import DiskFull, Invalid, Kind, ModelyardError, Unavailable
from modelyard.jobs.domain import Job
from modelyard.jobs.service import JobService
from modelyard.jobs.states import JobStatus
from modelyard.jobs.workflow import Interrupted, JobSteps, JobWork, Result, workflow
from modelyard.principals import Principal
from modelyard.training.kinds import TRAINING, Phase

Body = Callable[[JobSteps], Result]


class Crash(BaseException):
    """What `kill -9` looks like from inside."""


@dataclass
class Stage:
    """One job whose body each test writes, and what was taken away when it did not succeed."""

    jobs: JobService
    engine: InlineJobEngine
    clock: ManualClock
    principal: Principal
    job: Job
    taken_away: list[str] = field(default_factory=list)

    def play(
        self,
        body: Body,
        on_failure: Callable[[Job], None] | None = None,
        check_space: Callable[[], None] = lambda: None,
    ) -> Job:
        """Run the job's body until it ends or crashes, and give the job."""
        run = workflow(
            JobWork(TRAINING, body, on_failure or (lambda job: self.taken_away.append(job.job_id))),
            jobs=self.jobs,
            clock=self.clock,
            guarding=nullcontext,
            check_space=check_space,
        )
        self.engine.register({TRAINING.name: run})
        self.engine.run_next()
        return self.jobs.get(self.principal, self.job.job_id)

    def crash(self, body: Body) -> None:
        """Run the body, which ends in a crash."""
        with pytest.raises(Crash):
            self.play(body)

    def cancel(self) -> None:
        self.jobs.cancel(self.principal, self.job.job_id)

    @property
    def log(self) -> str:
        return self.jobs.log(self.job.job_id).read(0).content.decode()


@pytest.fixture
def stage(jobs: JobService, engine: InlineJobEngine, clock: ManualClock, alice: Principal) -> Stage:
    job = jobs.create(alice, kind=TRAINING, model_name="iris", request={}, experiment_name=None)
    return Stage(jobs=jobs, engine=engine, clock=clock, principal=alice, job=job)


class Flaky:
    """A step that raises what it is given, one after the other, and then works."""

    def __init__(self, *errors: BaseException, meanwhile: Callable[[], None] = lambda: None) -> None:
        self.errors = list(errors)
        self.meanwhile = meanwhile
        self.calls = 0

    def __call__(self) -> dict[str, Any]:
        self.calls += 1
        self.meanwhile()
        if self.errors:
            raise self.errors.pop(0)
        return {"value": self.calls}


def away(times: int) -> list[Unavailable]:
    return [Unavailable("MLflow does not answer", code="tracking_unavailable") for _ in range(times)]


class TestSuccess:
    def test_the_job_ends_with_what_its_body_gives(self, stage: Stage) -> None:
        job = stage.play(lambda steps: {"from_step": steps.run("one", lambda: {"value": 1})["value"]})
        assert (job.status, job.result, stage.taken_away) == (JobStatus.SUCCEEDED, {"from_step": 1}, [])
        assert stage.log == "done\n"

    def test_a_job_that_was_cancelled_before_it_began_does_nothing(self, stage: Stage) -> None:
        stage.cancel()
        step = Flaky()
        assert stage.play(lambda steps: steps.run("one", step)).status is JobStatus.CANCELLED
        assert step.calls == 0

    def test_what_was_written_alongside_a_job_that_never_began_is_taken_away(self, stage: Stage) -> None:
        stage.cancel()
        stage.play(lambda steps: steps.run("one", Flaky()))
        assert stage.taken_away == [stage.job.job_id]


class TestPatience:
    def test_a_step_that_cannot_be_done_now_is_tried_until_it_can(self, stage: Stage) -> None:
        step = Flaky(*away(3))
        assert stage.play(lambda steps: steps.run("one", step)).result == {"value": 4}

    def test_the_waits_double_up_to_a_quarter_of_a_minute(self, stage: Stage) -> None:
        moments = [stage.clock.now()]
        step = Flaky(*away(8), meanwhile=lambda: moments.append(stage.clock.now()))
        stage.play(lambda steps: steps.run("one", step))
        waits = [(after - before).total_seconds() for before, after in pairwise(moments)]
        assert waits == [0, 0.5, 1, 2, 4, 8, 15, 15, 15]

    def test_a_job_that_waits_can_be_cancelled(self, stage: Stage) -> None:
        step = Flaky(*away(100), meanwhile=stage.cancel)
        job = stage.play(lambda steps: steps.run("one", step))
        assert (job.status, step.calls, stage.taken_away) == (JobStatus.CANCELLED, 1, [job.job_id])

    @pytest.mark.parametrize("verb", ["begin", "enter", "raise_if_cancelled", "succeed"])
    def test_a_database_that_is_away_delays_the_job_and_nothing_else(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch, verb: str
    ) -> None:
        errors, real = away(2), getattr(stage.jobs, verb)

        def flaky(*args: Any, **kwargs: Any) -> Any:
            if errors:
                raise errors.pop()
            return real(*args, **kwargs)

        monkeypatch.setattr(stage.jobs, verb, flaky)

        def body(steps: JobSteps) -> Result:
            steps.enter(Phase.TRAINING)
            return steps.run("one", lambda: {"value": 1})

        job = stage.play(body)
        assert (job.status, job.phase, job.result) == (JobStatus.SUCCEEDED, Phase.TRAINING, {"value": 1})
        assert errors == []

    def test_taking_away_what_is_left_behind_is_patient_too(self, stage: Stage) -> None:
        take_away = Flaky(*away(2))
        step = Flaky(Invalid("wrong", code="wrong"))

        def on_failure(_: Job) -> None:
            take_away()

        job = stage.play(lambda steps: steps.run("one", step), on_failure=on_failure)
        assert (job.status, take_away.calls) == (JobStatus.FAILED, 3)


class TestFailure:
    def test_a_step_that_fails_ends_the_job_with_its_reason(self, stage: Stage) -> None:
        job = stage.play(
            lambda steps: steps.run("one", Flaky(Invalid("the script failed: boom", code="script_failed")))
        )
        assert job.error is not None
        assert (job.status, job.error.code, job.error.message) == (
            JobStatus.FAILED,
            "script_failed",
            "the script failed: boom",
        )
        assert stage.taken_away == [job.job_id]
        assert stage.log == "failed: the script failed: boom\n"

    def test_a_failed_step_keeps_its_kind_for_the_body(self, stage: Stage) -> None:
        def body(steps: JobSteps) -> Result:
            with pytest.raises(ModelyardError) as caught:
                steps.run("one", Flaky(Invalid("wrong", code="wrong")))
            return {"kind": caught.value.kind.value}

        assert stage.play(body).result == {"kind": Kind.INVALID.value}

    @pytest.mark.parametrize("where", ["step", "body"])
    def test_a_bug_ends_the_job_and_its_text_stays_inside(self, stage: Stage, where: str) -> None:
        def body(steps: JobSteps) -> Result:
            if where == "body":
                raise LookupError("/secret/path")
            return steps.run("one", Flaky(LookupError("/secret/path")))

        job = stage.play(body)
        assert job.error is not None
        assert (job.status, job.error.code) == (JobStatus.FAILED, "internal_error")
        assert "secret" not in job.error.message + stage.log

    def test_a_bug_in_taking_away_does_not_keep_the_job_from_ending(self, stage: Stage) -> None:
        def broken(_: Job) -> None:
            raise LookupError

        job = stage.play(lambda steps: steps.run("one", Flaky(Invalid("wrong", code="wrong"))), on_failure=broken)
        assert job.error is not None
        assert (job.status, job.error.code) == (JobStatus.FAILED, "wrong")


class TestCancelling:
    def test_no_step_begins_after_the_job_was_cancelled(self, stage: Stage) -> None:
        first, second = Flaky(meanwhile=stage.cancel), Flaky()

        def body(steps: JobSteps) -> Result:
            steps.run("first", first)
            return steps.run("second", second)

        job = stage.play(body)
        assert (job.status, first.calls, second.calls) == (JobStatus.CANCELLED, 1, 0)
        assert (stage.taken_away, stage.log) == ([job.job_id], "cancelled\n")


class TestCrashes:
    def test_finished_steps_are_not_done_again(self, stage: Stage) -> None:
        first, second = Flaky(), Flaky(Crash())

        def body(steps: JobSteps) -> Result:
            return {"first": steps.run("first", first)["value"], "second": steps.run("second", second)["value"]}

        stage.crash(body)
        job = stage.play(body)
        assert (job.status, job.result) == (JobStatus.SUCCEEDED, {"first": 1, "second": 2})
        assert (first.calls, second.calls) == (1, 2)

    def test_a_failed_step_fails_the_same_way_after_a_crash(self, stage: Stage) -> None:
        step = Flaky(Invalid("wrong", code="wrong"))
        crashes = [Crash()]

        def take_away(_: Job) -> None:
            if crashes:
                raise crashes.pop()

        with pytest.raises(Crash):
            stage.play(lambda steps: steps.run("one", step), on_failure=take_away)
        job = stage.play(lambda steps: steps.run("one", step))
        assert job.error is not None
        assert (job.status, job.error.code, step.calls) == (JobStatus.FAILED, "wrong", 1)

    def test_a_job_that_was_cancelled_before_the_crash_is_cancelled_after_it(self, stage: Stage) -> None:
        def cancel_and_crash() -> Result:
            stage.cancel()
            raise Crash

        stage.crash(lambda steps: steps.run("one", cancel_and_crash))
        again = Flaky()
        assert stage.play(lambda steps: steps.run("one", again)).status is JobStatus.CANCELLED
        assert again.calls == 0

    def test_an_engine_that_cannot_keep_a_result_interrupts_the_job_and_does_not_fail_it(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def cannot(*_: Any) -> Result:
            raise LookupError("the engine's database is gone")

        with monkeypatch.context() as patch:
            patch.setattr("modelyard.adapters.job_engine.inline._InlineSteps.run", cannot)
            with pytest.raises(Interrupted):
                stage.play(lambda steps: steps.run("one", dict))
        assert stage.jobs.get(stage.principal, stage.job.job_id).status is JobStatus.RUNNING
        assert stage.play(lambda steps: steps.run("one", lambda: {"value": 1})).result == {"value": 1}


FULL = DiskFull("disk full: needs 9 MiB, has 1 MiB")


class TestAFullDisk:
    """A step that takes space fails with it; what writes the end down is repeated."""

    def test_a_step_is_not_begun(self, stage: Stage) -> None:
        step = Flaky()

        def check() -> None:
            raise FULL

        job = stage.play(lambda steps: steps.run("one", step), check_space=check)
        assert (job.status, step.calls) == (JobStatus.FAILED, 0)
        assert job.error is not None
        assert (job.error.message, job.error.code) == (FULL.message, "disk_full")
        assert stage.taken_away == [job.job_id]

    @pytest.mark.parametrize(
        "error",
        [FULL, OSError(errno.ENOSPC, "No space left on device"), Invalid("uv: os error 28", code="environment_failed")],
    )
    def test_a_step_that_runs_out_of_space_ends_the_job(self, stage: Stage, error: Exception) -> None:
        job = stage.play(lambda steps: steps.run("one", Flaky(error)))
        assert job.status is JobStatus.FAILED
        assert job.error is not None
        assert job.error.message.startswith("disk full: ")

    def test_what_a_full_disk_makes_of_others_is_reported_with_it(self, stage: Stage) -> None:
        """MLflow answers 500 on a full disk, and a script ends: neither says why."""
        checks = iter((False, True))

        def check() -> None:
            if next(checks):
                raise FULL

        away = Unavailable("the tracking server does not answer", code="tracking_unavailable")
        job = stage.play(lambda steps: steps.run("one", Flaky(away)), check_space=check)
        assert job.status is JobStatus.FAILED
        assert job.error is not None
        assert job.error.message == FULL.message

    def test_the_end_is_written_when_there_is_space_again(self, stage: Stage) -> None:
        clean = Flaky(OSError(errno.ENOSPC, "No space left on device"), FULL)

        def take_away(_: Job) -> None:
            clean()

        job = stage.play(lambda steps: steps.run("one", Flaky(FULL)), on_failure=take_away)
        assert (job.status, clean.calls) == (JobStatus.FAILED, 3)
