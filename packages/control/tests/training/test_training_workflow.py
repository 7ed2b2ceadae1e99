"""A training job from script to version, on fakes: what is done, in which order, and what is never done twice."""

from collections.abc import Callable

import pytest

from modelyard.access.domain import Principal
from modelyard.adapters.clock.manual import ManualClock
from modelyard.adapters.environments import FakeEnvironments
from modelyard.adapters.job_engine.inline import InlineJobEngine
from modelyard.adapters.runner import FakeRunner
from modelyard.adapters.tracking import FakeTracking
from modelyard.jobs.domain import JOB_TAG, Job, JobKind
from modelyard.jobs.service import JobService
from modelyard.jobs.states import JobStatus, Phase
from modelyard.jobs.workflow import workflow
from modelyard.packaging.service import PackagingService
from modelyard.ports.environments import pinned
from modelyard.ports.runner import Limits, RunOutcome, RunPhase, RunSpec
from modelyard.registry.service import RegistryService
from modelyard.training.service import Script, TrainingService
from modelyard.training.workflows import RUN_KEY_TAG, Training

ENDED_WELL = RunOutcome(RunPhase.FINISHED, exit_code=0)
LIMITS = Limits(seconds=100, memory_bytes=2**30, output_bytes=2**20, disk_bytes=2**30)

Behaviour = Callable[[RunSpec], RunOutcome | None]


class Scripted:
    """What the script does, run by run; the last one goes on for all that follow."""

    def __init__(self, tracking: FakeTracking) -> None:
        self.tracking = tracking
        self.behaviours: list[Behaviour] = [self.logs("model")]

    def logs(self, *names: str) -> Behaviour:
        """A script that logs these models in one run and ends well."""

        def behave(spec: RunSpec) -> RunOutcome:
            tags = {RUN_KEY_TAG: spec.run_key}
            run_id = self.tracking.log_run("iris", metrics={"auc": 0.9}, parameters={"depth": "3"}, tags=tags)
            for name in names:
                self.tracking.log_model(run_id, name, {"MLmodel": name.encode()}, tags=tags)
            return ENDED_WELL

        return behave

    def ends(self, outcome: RunOutcome | None) -> Behaviour:
        """A script that logs nothing."""
        return lambda _: outcome

    def __call__(self, spec: RunSpec) -> RunOutcome | None:
        behaviour = self.behaviours[0] if len(self.behaviours) == 1 else self.behaviours.pop(0)
        return behaviour(spec)


@pytest.fixture
def script(tracking: FakeTracking) -> Scripted:
    return Scripted(tracking)


@pytest.fixture
def runner(script: Scripted) -> FakeRunner:
    return FakeRunner(script)


@pytest.fixture
def training(
    jobs: JobService,
    registry: RegistryService,
    packaging: PackagingService,
    environments: FakeEnvironments,
    runner: FakeRunner,
    tracking: FakeTracking,
    clock: ManualClock,
    engine: InlineJobEngine,
) -> Training:
    training = Training(
        jobs=jobs,
        registry=registry,
        packaging=packaging,
        environments=environments,
        runner=runner,
        tracking=tracking,
        clock=clock,
        limits=LIMITS,
        tracking_requirement="mlflow==3.17.2",
    )
    body = workflow(training.train_and_register, jobs=jobs, clock=clock, on_failure=training.stop)
    engine.register({JobKind.TRAINING: body})
    return training


@pytest.fixture
def work(training: Training, jobs: JobService, engine: InlineJobEngine, alice: Principal) -> Callable[..., Job]:
    """Sends a script and works its job off."""

    def work(*, requirements: tuple[str, ...] = ("scikit-learn==1.9.1",), **fields: object) -> Job:
        sent = Script("train.py", "print()", requirements, "iris", **fields)  # type: ignore[arg-type]  # By name.
        job = TrainingService(jobs=jobs).train(alice, sent, model_name="iris")
        engine.run_next()
        return jobs.get(alice, job.job_id)

    return work


class TestTraining:
    def test_what_a_script_logs_becomes_a_version(
        self, work: Callable[..., Job], registry: RegistryService, alice: Principal
    ) -> None:
        job = work()

        version = registry.version(alice, "iris")
        assert (job.status, job.phase, job.result["model_version"]) == (JobStatus.SUCCEEDED, Phase.REGISTERING, 1)
        assert (version.job_id, version.run_id) == (job.job_id, job.result["run_id"])
        assert (version.metrics, version.parameters) == ({"auc": 0.9}, {"depth": "3"})
        assert version.description == "trained by train.py"

    def test_the_exact_environment_is_kept_with_the_version(
        self, work: Callable[..., Job], registry: RegistryService, packaging: PackagingService, alice: Principal
    ) -> None:
        work(requirements=("scikit-learn==1.9.1",))

        lock = packaging._lock_text(registry.version(alice, "iris").lock_digest)
        assert pinned(lock) == ("mlflow==3.17.2", "scikit-learn==1.9.1")

    def test_the_run_gets_the_script_its_limits_and_an_address_for_its_tags(
        self, work: Callable[..., Job], runner: FakeRunner, jobs: JobService
    ) -> None:
        job = work(timeout_seconds=5.0)

        (spec,) = runner.started
        assert (spec.script_name, spec.script_content) == ("train.py", "print()")
        assert spec.folder == jobs.run_folder(job.job_id, 1)
        assert spec.limits == Limits(5, LIMITS.memory_bytes, LIMITS.output_bytes, LIMITS.disk_bytes)
        assert f'"{JOB_TAG}": "{job.job_id}"' in spec.environment["MLFLOW_RUN_CONTEXT"]

    def test_a_limit_is_never_above_ours(self, work: Callable[..., Job], runner: FakeRunner) -> None:
        work(timeout_seconds=1e9)

        assert runner.started[0].limits.seconds == LIMITS.seconds

    def test_a_model_outside_of_a_run_is_a_version_without_a_run(
        self, work: Callable[..., Job], script: Scripted, registry: RegistryService, alice: Principal
    ) -> None:
        def behave(spec: RunSpec) -> RunOutcome:
            script.tracking.log_model(None, "model", {"MLmodel": b""}, tags={RUN_KEY_TAG: spec.run_key})
            return ENDED_WELL

        script.behaviours = [behave]

        assert work().status is JobStatus.SUCCEEDED
        assert registry.version(alice, "iris").run_id is None

    def test_a_model_of_an_old_client_is_found_by_its_run(
        self, work: Callable[..., Job], script: Scripted, tracking: FakeTracking
    ) -> None:
        def behave(spec: RunSpec) -> RunOutcome:
            run_id = tracking.log_run("iris", tags={RUN_KEY_TAG: spec.run_key})
            tracking.log_model(run_id, "model", {"MLmodel": b""})
            return ENDED_WELL

        script.behaviours = [behave]

        assert work().status is JobStatus.SUCCEEDED


class TestFailures:
    def test_a_script_that_fails_says_why(self, work: Callable[..., Job], script: Scripted) -> None:
        script.behaviours = [script.ends(RunOutcome(RunPhase.FINISHED, 1, "ValueError: no such column: age"))]

        job = work()

        assert job.status is JobStatus.FAILED
        assert job.error is not None
        assert (job.error.code, job.error.message) == (
            "script_failed",
            "the script failed: ValueError: no such column: age",
        )

    def test_a_script_that_logs_no_model_is_told_what_to_call(self, work: Callable[..., Job], script: Scripted) -> None:
        script.behaviours = [script.ends(ENDED_WELL)]

        job = work()

        assert job.error is not None
        assert job.error.code == "no_model_logged"

    def test_several_models_need_a_name(self, work: Callable[..., Job], script: Scripted) -> None:
        script.behaviours = [script.logs("first", "second")]

        job = work()

        assert job.error is not None
        assert job.error.code == "several_models_logged"
        assert work(logged_model="second").status is JobStatus.SUCCEEDED

    def test_requirements_that_cannot_be_met_start_nothing(
        self, work: Callable[..., Job], environments: FakeEnvironments, runner: FakeRunner
    ) -> None:
        environments._index = {"mlflow": ["3.17.2"]}

        job = work(requirements=("no-such-package",))

        assert job.error is not None
        assert job.error.code == "requirements_unresolvable"
        assert runner.started == []

    def test_a_run_that_was_lost_is_cleared_away_and_begun_once_more(
        self, work: Callable[..., Job], script: Scripted, runner: FakeRunner
    ) -> None:
        script.behaviours = [script.ends(RunOutcome(RunPhase.LOST)), script.logs("model")]

        job = work()

        first, second = (spec.folder for spec in runner.started)
        assert job.status is JobStatus.SUCCEEDED
        assert runner.cancelled == [first]
        assert first != second

    def test_what_a_lost_run_had_logged_is_not_registered(
        self, work: Callable[..., Job], script: Scripted, registry: RegistryService, alice: Principal
    ) -> None:
        def dies_late(spec: RunSpec) -> RunOutcome:
            script.logs("model")(spec)
            return RunOutcome(RunPhase.LOST)

        script.behaviours = [dies_late, script.logs("model")]

        job = work()

        kept = script.tracking.runs_tagged(RUN_KEY_TAG, f"{job.job_id}/2")
        assert registry.version(alice, "iris").run_id == kept[0].run_id

    def test_a_run_that_is_lost_again_and_again_fails(
        self, work: Callable[..., Job], script: Scripted, runner: FakeRunner
    ) -> None:
        script.behaviours = [script.ends(RunOutcome(RunPhase.LOST))]

        job = work()

        assert job.error is not None
        assert job.error.code == "run_lost"
        assert len(runner.started) == 2


class TestWaiting:
    def test_a_tracker_that_comes_back_is_waited_for(
        self, work: Callable[..., Job], tracking: FakeTracking, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        waited = back_after(clock, monkeypatch, lambda: setattr(tracking, "is_available", True))
        tracking.is_available = False

        assert work().status is JobStatus.SUCCEEDED
        assert waited

    def test_an_index_that_comes_back_is_waited_for(
        self,
        work: Callable[..., Job],
        environments: FakeEnvironments,
        clock: ManualClock,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        waited = back_after(clock, monkeypatch, lambda: setattr(environments, "is_index_reachable", True))
        environments.is_index_reachable = False

        assert work().status is JobStatus.SUCCEEDED
        assert waited

    def test_a_machine_that_can_start_processes_again_is_waited_for(
        self, work: Callable[..., Job], runner: FakeRunner, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        waited = back_after(clock, monkeypatch, lambda: setattr(runner, "is_available", True))
        runner.is_available = False

        assert work().status is JobStatus.SUCCEEDED
        assert waited
        assert len(runner.started) == 1

    def test_a_job_that_is_cancelled_ends_its_run(
        self,
        work: Callable[..., Job],
        script: Scripted,
        runner: FakeRunner,
        jobs: JobService,
        alice: Principal,
        clock: ManualClock,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        script.behaviours = [script.ends(None)]
        back_after(clock, monkeypatch, lambda: jobs.cancel(alice, jobs.page(alice).items[0].job_id))

        job = work()

        assert job.status is JobStatus.CANCELLED
        assert runner.observe(jobs.run_folder(job.job_id, 1)).reason == "The run was cancelled."


class TestCrashes:
    def test_a_process_that_dies_while_a_script_runs_finds_the_run_again(
        self,
        training: Training,
        engine: InlineJobEngine,
        jobs: JobService,
        runner: FakeRunner,
        script: Scripted,
        alice: Principal,
        clock: ManualClock,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        script.behaviours = [script.ends(None)]
        job = TrainingService(jobs=jobs).train(alice, Script("train.py", "print()", ()), model_name="iris")
        with monkeypatch.context() as dying:
            dying.setattr(clock, "sleep", die)
            with pytest.raises(Died):
                engine.run_next()
        (spec,) = runner.started
        script.logs("model")(spec)
        runner.finish(spec.folder)

        engine.run_next()

        assert jobs.get(alice, job.job_id).status is JobStatus.SUCCEEDED
        assert len(runner.started) == 1


class Died(BaseException):
    """The process is gone."""


def die(_: float) -> None:
    raise Died


def back_after(clock: ManualClock, monkeypatch: pytest.MonkeyPatch, event: Callable[[], object]) -> list[float]:
    """Let something happen while somebody waits; gives how long was waited."""
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 3:
            event()

    monkeypatch.setattr(clock, "sleep", sleep)
    return waited
