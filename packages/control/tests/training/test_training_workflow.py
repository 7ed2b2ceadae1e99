"""A training job from script to version, on fakes: what is done, in which order, and what is never done twice."""

import hashlib
import io
import json
import tarfile
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from notebook_files import code_cell, notebook_text

from modelyard.adapters.clock.manual import ManualClock
from modelyard.adapters.environments import FakeEnvironments
from modelyard.adapters.job_engine.inline import InlineJobEngine
from modelyard.adapters.runner import FakeEnd, FakeRunner
from modelyard.adapters.tracking import FakeTracking
from modelyard.db import Database
from modelyard.errors import Conflict, DiskFull, Invalid, NotFound
from modelyard.job_secrets.sealing import Seal
from modelyard.job_secrets.service import JobSecrets
from modelyard.jobs.domain import Job
from modelyard.jobs.service import JobService
from modelyard.jobs.states import JobStatus
from modelyard.jobs.workflow import workflow
from modelyard.packaging.opening import Failure
from modelyard.packaging.service import PackagingService
from modelyard.ports.environments import Lock, LogLine, pinned
from modelyard.ports.runner import EXECUTED_NOTEBOOK, Limits, RunOutcome, RunPhase, RunSpec
from modelyard.principals import Principal
from modelyard.projects.service import ProjectService
from modelyard.registry.domain import Given, Version
from modelyard.registry.metrics import MetricRule
from modelyard.registry.service import RegistryService
from modelyard.schema import metadata
from modelyard.tracker_names import JOB_TAG
from modelyard.tracking_access.grants import NoCredentials
from modelyard.training.afterwards import RegisteringAfterwards
from modelyard.training.executed_notebooks import ExecutedNotebooks
from modelyard.training.foreign_runs import ForeignRuns
from modelyard.training.kinds import TRAINING, Phase
from modelyard.training.logged import RUN_KEY_TAG, LoggedByJobs
from modelyard.training.opening import OpeningModels
from modelyard.training.runners import Runners
from modelyard.training.scripts import GitState, Script
from modelyard.training.service import TrainingService
from modelyard.training.workflows import Training

ENDED_WELL = RunOutcome(RunPhase.FINISHED, exit_code=0)
LIMITS = Limits(seconds=100, memory_bytes=2**30, output_bytes=2**20, disk_bytes=2**30)

Behaviour = Callable[[RunSpec], RunOutcome | FakeEnd | None]


def no_check() -> None:
    """There is space."""


def no_rules(_: Principal, __: str) -> dict[str, MetricRule]:
    return {}


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

    def __call__(self, spec: RunSpec) -> RunOutcome | FakeEnd | None:
        behaviour = self.behaviours[0] if len(self.behaviours) == 1 else self.behaviours.pop(0)
        return behaviour(spec)


@pytest.fixture
def script(tracking: FakeTracking) -> Scripted:
    return Scripted(tracking)


@pytest.fixture
def runner(script: Scripted) -> FakeRunner:
    return FakeRunner(script)


class FarRunner(FakeRunner):
    """One that needs an image for each lock, and sees the tracking server elsewhere."""

    tracking_uri = "http://tracker.far:5000"
    start_seconds = 1000.0

    def __init__(self, script: Scripted) -> None:
        super().__init__(script)
        self.foreign_tracking: FakeTracking | None = None
        self.prepared: list[str] = []
        self.drivers: list[str | None] = []
        self.refusal: Invalid | None = None
        self.waits: list[str] = []
        """Why a run has not begun yet, observation by observation."""

    def observe(self, run_key: str) -> RunOutcome:
        return RunOutcome(RunPhase.RUNNING, reason=self.waits.pop(0)) if self.waits else super().observe(run_key)

    def prepare(self, lock: Lock, *, driver: Lock | None = None, log: LogLine) -> None:
        if self.refusal is not None:
            raise self.refusal
        log(f"preparing {lock.digest}")
        self.prepared.append(lock.digest)
        self.drivers.append(None if driver is None else driver.digest)


@pytest.fixture
def far_runner(script: Scripted) -> FarRunner:
    return FarRunner(script)


@pytest.fixture
def runners(runner: FakeRunner, far_runner: FarRunner) -> Runners:
    return Runners({"local": runner, "far": far_runner})


class FakeOpening:
    """Opens everything, unless it is reported what to find; it sees what it is handed."""

    def __init__(self) -> None:
        self.failures: list[Failure | None] = []
        self.seen: list[set[str]] = []

    def open(self, model: Path, scratch: Path, *, constraints: str, log: LogLine) -> Failure | None:
        self.seen.append({path.relative_to(model).as_posix() for path in model.rglob("*") if path.is_file()})
        return self.failures.pop(0) if self.failures else None


@pytest.fixture
def opening() -> FakeOpening:
    return FakeOpening()


@pytest.fixture
def training(
    jobs: JobService,
    registry: RegistryService,
    packaging: PackagingService,
    environments: FakeEnvironments,
    runners: Runners,
    tracking: FakeTracking,
    clock: ManualClock,
    engine: InlineJobEngine,
    secrets: JobSecrets,
    projects: ProjectService,
    opening: FakeOpening,
    tmp_path: Path,
) -> Training:
    training = Training(
        jobs=jobs,
        registry=registry,
        packaging=packaging,
        environments=environments,
        runners=runners,
        tracking=tracking,
        clock=clock,
        limits=LIMITS,
        secrets=secrets,
        projects=projects,
        logged=LoggedByJobs(tracking, registry.job_runs, ForeignRuns(tracking, tmp_path / "scratch")),
        opening=OpeningModels(tracking=tracking, packaging=packaging, opening=opening, scratch=tmp_path / "scratch"),
        notebooks=ExecutedNotebooks(tmp_path / "jobs", tmp_path / "scratch", tracking),
        metric_rules=no_rules,
        tracking_requirement="mlflow==3.17.2",
        credentials=NoCredentials(),
        check_space=no_check,
    )
    body = workflow(training.work, jobs=jobs, clock=clock, guarding=nullcontext, check_space=no_check)
    engine.register({TRAINING.name: body})
    return training


@pytest.fixture
def work(
    training: Training,
    training_service: TrainingService,
    jobs: JobService,
    engine: InlineJobEngine,
    alice: Principal,
) -> Callable[..., Job]:
    """Sends a script and works its job off."""

    def work(**fields: Any) -> Job:
        sent = {"script_name": "train.py", "script_content": "print()", "requirements": ("scikit-learn==1.9.1",)}
        script = Script(**{**sent, "experiment_name": "iris", **fields})
        job = training_service.train(alice, script, model_name="iris")
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
        assert (version.metrics, version.parameters) == ({"auc": 0.9}, {"depth": 3})
        assert version.description == "trained by train.py"

    def test_the_exact_environment_is_kept_with_the_version(
        self, work: Callable[..., Job], registry: RegistryService, packaging: PackagingService, alice: Principal
    ) -> None:
        work(requirements=("scikit-learn==1.9.1",))

        lock = packaging.lock_text(registry.version(alice, "iris").lock_digest)
        assert pinned(lock) == ("mlflow==3.17.2", "scikit-learn==1.9.1")

    def test_the_run_gets_the_script_its_limits_and_an_address_for_its_tags(
        self, work: Callable[..., Job], runner: FakeRunner, jobs: JobService
    ) -> None:
        job = work(timeout_seconds=5.0)

        (spec,) = runner.started
        assert (spec.script_name, spec.script_content) == ("train.py", "print()")
        assert spec.run_key == f"{job.job_id}/1"
        assert spec.limits == Limits(5, LIMITS.memory_bytes, LIMITS.output_bytes, LIMITS.disk_bytes)
        assert f'"{JOB_TAG}": "{job.job_id}"' in spec.environment["MLFLOW_RUN_CONTEXT"]

    def test_a_limit_above_the_operators_is_refused(self, work: Callable[..., Job], runner: FakeRunner) -> None:
        with pytest.raises(Invalid, match=r"timeout_seconds: expected a positive number up to 3600, .* got 1e\+09"):
            work(timeout_seconds=1e9)

        assert runner.started == []

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


def elsewhere_model(tracking: FakeTracking) -> str:
    """The id of the only model there."""
    (logged,) = tracking._models
    return logged.model.model_id


class TestNotebooks:
    @pytest.fixture
    def notebooks(self, training: Training) -> ExecutedNotebooks:
        return training.notebooks

    @pytest.fixture
    def sent(self) -> dict[str, Any]:
        tagged = code_cell("depth = 3", tags=["parameters"])
        content = notebook_text(tagged, "fit(depth)")
        return {"script_name": "train.ipynb", "script_content": content, "parameters": {"depth": 8}}

    def left(self, behave: Behaviour, text: bytes) -> Behaviour:
        """A notebook that does this, and leaves an executed one."""

        def run(spec: RunSpec) -> FakeEnd:
            outcome = behave(spec)
            assert isinstance(outcome, RunOutcome)
            return FakeEnd(outcome, files={EXECUTED_NOTEBOOK: text})

        return run

    def test_it_runs_prepared_in_its_own_environment_and_is_driven_from_another(
        self,
        work: Callable[..., Job],
        sent: dict[str, Any],
        far_runner: FarRunner,
        packaging: PackagingService,
        registry: RegistryService,
        alice: Principal,
    ) -> None:
        job = work(**sent, runner="far")

        (spec,) = far_runner.started
        assert job.status is JobStatus.SUCCEEDED
        assert "# Parameters\\ndepth = 8" in (spec.script_content or "")
        assert spec.environment["MPLBACKEND"] == "module://matplotlib_inline.backend_inline"
        own, driver = packaging.lock_text(spec.python_environment), packaging.lock_text(spec.notebook_driver or "")
        assert [pin.partition("==")[0] for pin in pinned(own)] == ["ipykernel", "mlflow", "scikit-learn"]
        assert [pin.partition("==")[0] for pin in pinned(driver)] == ["jupyter-client", "nbclient", "nbformat"]
        assert set(far_runner.drivers) == {spec.notebook_driver}
        assert registry.version(alice, "iris").provenance.parameters == {"depth": 8}

    @pytest.mark.parametrize("is_good", [True, False])
    def test_what_was_executed_is_kept_and_added_to_the_run_however_it_ended(
        self,
        work: Callable[..., Job],
        sent: dict[str, Any],
        script: Scripted,
        tracking: FakeTracking,
        notebooks: ExecutedNotebooks,
        *,
        is_good: bool,
    ) -> None:
        logs = script.logs("model")

        def fails(spec: RunSpec) -> RunOutcome:
            logs(spec)
            return RunOutcome(RunPhase.FINISHED, exit_code=1, reason="cell 2 of 2: ValueError: no")

        script.behaviours = [self.left(logs if is_good else fails, b"{executed}")]
        job = work(**sent)

        with notebooks.open(job) as file:
            assert file.read() == b"{executed}"
        assert list(tracking.run_files.values()) == [{"notebook/train.ipynb": b"{executed}"}]
        assert job.error is None or job.error.message.startswith("the notebook failed: cell 2 of 2: ValueError: no. ")
        assert (job.error is None) is is_good

    def test_of_a_script_nothing_is_kept(
        self, work: Callable[..., Job], script: Scripted, notebooks: ExecutedNotebooks
    ) -> None:
        script.behaviours = [self.left(script.logs("model"), b"planted")]
        job = work()

        with pytest.raises(NotFound, match="runs no notebook"), notebooks.open(job):
            pass


class TestRunners:
    def test_the_runner_that_is_named_runs_it_with_what_it_needs(
        self, work: Callable[..., Job], runner: FakeRunner, far_runner: FarRunner, jobs: JobService
    ) -> None:
        job = work(runner="far")

        assert job.status is JobStatus.SUCCEEDED
        (spec,) = far_runner.started
        assert spec.environment["MLFLOW_TRACKING_URI"] == "http://tracker.far:5000"
        assert set(far_runner.prepared) == {spec.python_environment}
        assert f"preparing {spec.python_environment}".encode() in jobs.log(job.job_id).read(0).content
        assert runner.started == []

    def test_the_token_of_a_run_that_may_wait_for_its_place_is_good_until_its_end(
        self, training: Training, work: Callable[..., Job]
    ) -> None:
        asked: list[float] = []

        class Credentials:
            def secrets(self, run_key: str, *, seconds: float) -> dict[str, str]:
                asked.append(seconds)
                return {}

        object.__setattr__(training, "credentials", Credentials())
        work(runner="far", timeout_seconds=5)
        work(runner="local", timeout_seconds=5)

        assert asked == [1005, 5]

    @pytest.mark.parametrize("is_in_a_run", [True, False])
    def test_what_was_logged_to_another_tracking_server_is_copied_and_registered(
        self,
        work: Callable[..., Job],
        training: Training,
        far_runner: FarRunner,
        tracking: FakeTracking,
        script: Scripted,
        registry: RegistryService,
        jobs: JobService,
        alice: Principal,
        *,
        is_in_a_run: bool,
    ) -> None:
        elsewhere = FakeTracking(uri="databricks")
        far_runner.foreign_tracking = elsewhere

        def behave(spec: RunSpec) -> RunOutcome:
            tags = {RUN_KEY_TAG: spec.run_key}
            run_id = elsewhere.log_run("rows", metrics={"auc": 0.8}, parameters={"depth": "4"}, tags=tags)
            elsewhere.log_model(run_id if is_in_a_run else None, "model", {"MLmodel": b"far"}, tags=tags)
            return ENDED_WELL

        script.behaviours = [behave]
        job = work(runner="far")

        version = registry.version(alice, "iris")
        assert job.status is JobStatus.SUCCEEDED
        assert (version.job_id, version.run_id) == (job.job_id, None)
        assert version.metrics == ({"auc": 0.8} if is_in_a_run else {})
        assert version.parameters == ({"depth": 4} if is_in_a_run else {})
        log = jobs.log(job.job_id)
        assert "from databricks" in log.read(log.read(0).next_offset).content.decode()
        training._collect(job, f"{job.job_id}/1", str(version.lock_digest))
        assert len(tracking.models_tagged("modelyard.key", f"{job.job_id}/models:/{elsewhere_model(elsewhere)}")) == 1

    def test_why_a_run_has_not_begun_is_in_the_log_once(
        self, work: Callable[..., Job], far_runner: FarRunner, jobs: JobService
    ) -> None:
        no_node = "Unschedulable: no node"
        far_runner.waits = [no_node, no_node, "ImagePullBackOff", no_node]
        job = work(runner="far")

        log = jobs.log(job.job_id).read(0).content.decode()
        assert job.status is JobStatus.SUCCEEDED
        assert [line for line in log.splitlines() if "waits" in line] == [
            "the run waits to begin: Unschedulable: no node",
            "the run waits to begin: ImagePullBackOff",
        ]

    def test_a_job_that_names_none_is_run_by_the_first(self, work: Callable[..., Job], runner: FakeRunner) -> None:
        job = work()

        assert "runner" not in job.request
        assert len(runner.started) == 1

    def test_a_job_keeps_its_runner_when_another_becomes_the_first(
        self, runner: FakeRunner, far_runner: FarRunner
    ) -> None:
        assert Runners({"far": far_runner, "local": runner}).chosen(None) == {"runner": "far"}
        assert Runners({"far": far_runner, "local": runner}).chosen("local") == {}

    def test_an_unknown_runner_is_refused_by_name(self, work: Callable[..., Job], runner: FakeRunner) -> None:
        with pytest.raises(Invalid, match=r"runner: expected one of .*'local', 'far'.*, got 'moon'") as refused:
            work(runner="moon")
        assert (refused.value.code, refused.value.field) == ("runner_unknown", "runner")
        assert runner.started == []

    def test_a_job_whose_runner_is_not_configured_any_more_fails_with_that_reason(
        self, training: Training, work: Callable[..., Job], runner: FakeRunner
    ) -> None:
        object.__setattr__(training, "runners", Runners({"local": runner}))
        job = work(runner="far")

        assert job.status is JobStatus.FAILED
        assert job.error is not None
        assert job.error.code == "runner_not_configured"

    def test_a_lock_that_a_runner_cannot_run_ends_the_job_before_anything_is_built(
        self, work: Callable[..., Job], far_runner: FarRunner, environments: FakeEnvironments
    ) -> None:
        far_runner.refusal = Invalid("an image holds wheels only", code="wheel_missing")
        job = work(runner="far")

        assert job.error is not None
        assert job.error.code == "wheel_missing"
        assert far_runner.started == []
        assert environments.builds == []


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

    def test_a_script_that_logs_no_model_is_reported_what_to_call(
        self, work: Callable[..., Job], script: Scripted
    ) -> None:
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

        first, second = (spec.run_key for spec in runner.started)
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


class TestWhatARunBrings:
    VALUE = "a value that nobody shall see"

    def test_arguments_and_variables_reach_the_run_and_stay_with_the_version(
        self, work: Callable[..., Job], runner: FakeRunner, registry: RegistryService, alice: Principal
    ) -> None:
        git = GitState(commit="c" * 40, is_dirty=True)
        work(arguments=["--epochs", "3"], environment={"DATASET": "b"}, secrets={"API_KEY": self.VALUE}, git=git)

        (spec,) = runner.started
        known = registry.version(alice, "iris").provenance
        assert (spec.arguments, spec.environment["DATASET"]) == (("--epochs", "3"), "b")
        assert spec.secrets == {"API_KEY": self.VALUE}
        assert (known.arguments, known.environment, known.secrets) == (
            ("--epochs", "3"),
            {"DATASET": "b"},
            ("API_KEY",),
        )
        assert (known.git_commit, known.git_is_dirty) == ("c" * 40, True)

    def test_a_secret_is_sealed_while_its_job_waits_and_gone_when_it_has_ended(
        self,
        training: Training,
        training_service: TrainingService,
        secrets: JobSecrets,
        jobs: JobService,
        engine: InlineJobEngine,
        database: Database,
        alice: Principal,
    ) -> None:
        script = Script("train.py", "print()", (), secrets={"API_KEY": self.VALUE})
        job = training_service.train(alice, script, model_name="iris")

        assert self.VALUE not in rows_of(database)
        assert secrets.of(job) == {"API_KEY": self.VALUE}
        engine.run_next()
        assert jobs.get(alice, job.job_id).status is JobStatus.SUCCEEDED
        assert secrets.of(job) == {}
        assert self.VALUE not in rows_of(database)
        assert self.VALUE not in json.dumps([list(steps.values()) for steps in engine._results.values()])

    def test_a_job_that_is_cancelled_before_it_begins_forgets_its_secrets(
        self, training_service: TrainingService, secrets: JobSecrets, jobs: JobService, alice: Principal
    ) -> None:
        script = Script("train.py", "print()", (), secrets={"API_KEY": self.VALUE})
        job = training_service.train(alice, script, model_name="iris")

        jobs.cancel(alice, job.job_id)

        assert secrets.of(job) == {}

    def test_the_same_key_with_another_secret_is_another_request(
        self, training_service: TrainingService, alice: Principal
    ) -> None:
        def send(value: str) -> Job:
            script = Script("train.py", "print()", (), secrets={"API_KEY": value})
            return training_service.train(alice, script, model_name="iris", idempotency_key="one")

        assert send(self.VALUE) == send(self.VALUE)
        with pytest.raises(Conflict, match="another request"):
            send("another value")

    def test_secrets_of_another_key_end_the_job_with_their_names(
        self, training_service: TrainingService, secrets: JobSecrets, database: Database, alice: Principal
    ) -> None:
        script = Script("train.py", "print()", (), secrets={"API_KEY": self.VALUE})
        job = training_service.train(alice, script, model_name="iris")

        with pytest.raises(Invalid, match="API_KEY cannot be decrypted"):
            JobSecrets(database=database, seal=Seal("another key, of another control plane")).of(job)

    def test_a_project_is_laid_into_the_run(
        self, work: Callable[..., Job], projects: ProjectService, runner: FakeRunner, alice: Principal
    ) -> None:
        sha256 = send_project(projects, alice, {"src/train.py": "print()", "src/requirements.txt": "pandas==3.1.1"})
        job = work(project=sha256, script_name="src/train.py", script_content=None, requirements=None)

        (spec,) = runner.started
        assert spec.project is not None
        with spec.project.open("src/train.py") as file:
            assert file.read() == b"print()"
        assert (spec.script_name, spec.script_content) == ("src/train.py", None)
        assert job.request["requirements"] == ["pandas==3.1.1"]

    def test_hashes_constraints_and_python_reach_the_environment(
        self, work: Callable[..., Job], registry: RegistryService, packaging: PackagingService, alice: Principal
    ) -> None:
        block = "# /// script\n# requires-python = '>=3.11'\n# dependencies = ['pandas']\n# ///\n"
        work(script_content=block, requirements=None, constraints=["pandas==3.1.1"])

        assert "pandas==3.1.1" in pinned(packaging.lock_text(registry.version(alice, "iris").lock_digest))

    def test_a_python_that_is_not_here_ends_the_job_before_anything_runs(
        self, work: Callable[..., Job], runner: FakeRunner
    ) -> None:
        job = work(requires_python="<3.10")

        assert job.error is not None
        assert job.error.code == "python_unavailable"
        assert runner.started == []


class TestATrackingUriOfItsOwn:
    ELSEWHERE = "http://user:pa55word@elsewhere:5000/mlflow"
    SENTENCE = (
        "the script set a tracking URI of its own, 'http://elsewhere:5000/mlflow', so the platform does not see what "
        "it logs: remove mlflow.set_tracking_uri(...), for the platform sets MLFLOW_TRACKING_URI"
    )

    def test_it_is_reported_instead_of_no_model(self, work: Callable[..., Job], script: Scripted) -> None:
        script.behaviours = [script.ends(RunOutcome(RunPhase.FINISHED, 0, tracking_uri=self.ELSEWHERE))]

        job = work()

        assert job.error is not None
        assert job.error.code == "tracking_uri_changed"
        assert job.error.message == f"the run logged no model here: {self.SENTENCE}"

    def test_it_is_reported_when_the_script_failed_by_it(self, work: Callable[..., Job], script: Scripted) -> None:
        outcome = RunOutcome(RunPhase.FINISHED, 1, "MlflowException: no answer", tracking_uri=self.ELSEWHERE)
        script.behaviours = [script.ends(outcome)]

        job = work()

        assert job.error is not None
        assert job.error.message == f"the script failed: MlflowException: no answer ({self.SENTENCE})"


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
        assert runner.observe(f"{job.job_id}/1").reason == "The run was cancelled."


class TestAfterwards:
    """What a script had logged is registered without training again."""

    @pytest.fixture
    def afterwards(self, training: Training, jobs: JobService, registry: RegistryService) -> RegisteringAfterwards:
        return RegisteringAfterwards(jobs, registry, training.logged, no_rules)

    def register(self, afterwards: RegisteringAfterwards, alice: Principal, job: Job, **choice: str | None) -> Version:
        chosen: dict[str, str | None] = {"logged_model": None, "best_of": None, **choice}
        return afterwards.register(alice, job.job_id, name="iris", given=Given(), **chosen)

    def test_a_script_that_fails_after_it_logged_a_model_loses_nothing(
        self, work: Callable[..., Job], script: Scripted, afterwards: RegisteringAfterwards, alice: Principal
    ) -> None:
        def fails(spec: RunSpec) -> RunOutcome:
            script.logs("model")(spec)
            return RunOutcome(RunPhase.FINISHED, exit_code=1, reason="ValueError: no")

        script.behaviours = [fails]
        job = work()
        assert (job.status, job.error.code if job.error else "") == (JobStatus.FAILED, "script_failed")
        assert job.error is not None
        assert job.error.message == (
            "the script failed: ValueError: no. What it had logged before is kept, and can be registered without "
            "training again"
        )
        version = self.register(afterwards, alice, job)
        assert (version.version, version.metrics, version.description) == (1, {"auc": 0.9}, "trained by train.py")
        assert (version.provenance.job_id, version.provenance.script_name) == (job.job_id, "train.py")
        assert version.provenance.script_sha256
        assert version.lock_digest
        assert self.register(afterwards, alice, job) == version

    def test_of_a_job_with_several_models_each_can_be_registered(
        self, work: Callable[..., Job], script: Scripted, afterwards: RegisteringAfterwards, alice: Principal
    ) -> None:
        script.behaviours = [script.logs("first", "second")]
        job = work()
        assert job.error is not None
        assert job.error.code == "several_models_logged"
        assert [one["name"] for one in job.result["logged_models"]] == ["first", "second"]
        with pytest.raises(Invalid, match=r"'first' of run .*, 'second' of run"):
            self.register(afterwards, alice, job)
        assert [self.register(afterwards, alice, job, logged_model=name).version for name in ("second", "first")] == [
            1,
            2,
        ]

    def test_a_job_that_has_not_ended_is_refused(
        self,
        training_service: TrainingService,
        jobs: JobService,
        alice: Principal,
        registry: RegistryService,
        afterwards: RegisteringAfterwards,
        tracking: FakeTracking,
    ) -> None:
        sent = Script("train.py", "print()", ())
        job = training_service.train(alice, sent, model_name="iris")
        with pytest.raises(Conflict, match="has not ended"):
            self.register(afterwards, alice, job)
        run_id = tracking.log_run("iris", tags={JOB_TAG: job.job_id})
        logged = tracking.log_model(run_id, "model", {"MLmodel": b"x"})
        with pytest.raises(Conflict, match="has not ended"):
            registry.register(alice, model_name="iris", logged=logged)


class TestBestOf:
    def search(self, script: Scripted, *values: float | None) -> Behaviour:
        """A script with a run for each value."""

        def behave(spec: RunSpec) -> RunOutcome:
            tags = {RUN_KEY_TAG: spec.run_key}
            for value in values:
                metrics = {} if value is None else {"accuracy": value}
                run_id = script.tracking.log_run("iris", metrics=metrics, tags=tags)
                script.tracking.log_model(run_id, "model", {"MLmodel": b"x"}, tags=tags)
            return ENDED_WELL

        return behave

    def test_two_runs_that_log_a_model_each_are_several(self, work: Callable[..., Job], script: Scripted) -> None:
        script.behaviours = [self.search(script, 0.8, 0.7)]
        job = work()
        assert job.error is not None
        assert job.error.code == "several_models_logged"

    def test_the_best_is_registered_and_the_job_tells_of_the_others(
        self, work: Callable[..., Job], script: Scripted, registry: RegistryService, jobs: JobService, alice: Principal
    ) -> None:
        script.behaviours = [self.search(script, 0.8, 0.9, 0.7, None)]
        job = work(best_of="accuracy")
        assert registry.version(alice, "iris").metrics == {"accuracy": 0.9}
        selection = job.result["selection"]
        assert (selection["metric"], selection["direction"], selection["chosen"]["value"]) == (
            *("accuracy", "higher"),
            0.9,
        )
        assert sorted(one["value"] or 0 for one in selection["others"]) == [0, 0.7, 0.8]
        before = jobs.log(job.job_id).read(0)
        log = jobs.log(job.job_id).read(before.next_offset).content.decode()
        assert "chosen by accuracy (higher is better): 'model' of run" in log

    def test_a_metric_of_no_known_direction_is_refused_before_anything_runs(self, work: Callable[..., Job]) -> None:
        with pytest.raises(Invalid, match="expected min:warmth or max:warmth"):
            work(best_of="warmth")


class TestOpening:
    """A model that its server could not open does not become a version."""

    def test_what_cannot_be_opened_is_the_jobs_own_error_and_no_version(
        self, work: Callable[..., Job], opening: FakeOpening, registry: RegistryService, alice: Principal
    ) -> None:
        opening.failures = [Failure("Your class `Ratio` is defined in the script")]
        job = work()
        assert job.error is not None
        assert (job.error.code, job.error.message) == (
            "model_not_openable",
            "Your class `Ratio` is defined in the script",
        )
        assert job.result["logged_models"]
        with pytest.raises(NotFound):
            registry.model(alice, "iris")

    def test_modules_of_the_runs_folder_become_the_models_code(
        self,
        work: Callable[..., Job],
        script: Scripted,
        opening: FakeOpening,
        runner: FakeRunner,
        registry: RegistryService,
        alice: Principal,
        tmp_path: Path,
    ) -> None:
        def logs(spec: RunSpec) -> RunOutcome:
            runner.write(spec.run_key, "features/__init__.py", b"import shared\nimport numpy\n")
            runner.write(spec.run_key, "shared.py", b"X = 1\n")
            runner.write(spec.run_key, "other.py", b"")
            tags = {RUN_KEY_TAG: spec.run_key}
            run_id = script.tracking.log_run("iris", tags=tags)
            files = {"MLmodel": b"flavors:\n  sklearn: {pickled_model: model.pkl, code: null}\n", "model.pkl": b"x"}
            script.tracking.log_model(run_id, "model", files, tags=tags)
            return ENDED_WELL

        script.behaviours = [logs]
        opening.failures = [Failure("no features", module="features.ratio"), None]
        assert work().status is JobStatus.SUCCEEDED
        code = {"code/features/__init__.py", "code/shared.py"}
        assert opening.seen == [{"MLmodel", "model.pkl"}, {"MLmodel", "model.pkl", *code}]
        manifest = registry.manifest(registry.version(alice, "iris"))
        assert {file.path for file in manifest.files} == {"MLmodel", "model.pkl", *code}
        described = script.tracking.download_file(registry.version(alice, "iris").model_uri, "MLmodel", tmp_path)
        assert "code: code" in described.read_text()

    def test_a_module_that_the_run_has_not_is_reported(self, work: Callable[..., Job], opening: FakeOpening) -> None:
        opening.failures = [Failure("no features", module="features")]
        job = work()
        assert job.error is not None
        assert job.error.message == "no features"


class TestOneRunOneJob:
    def test_a_run_of_another_job_is_not_gone_on_with(
        self, work: Callable[..., Job], script: Scripted, registry: RegistryService, alice: Principal
    ) -> None:
        first = work()
        run_id = first.result["run_id"]

        def resumes(spec: RunSpec) -> RunOutcome:
            script.tracking.log_model(run_id, "model", {"MLmodel": b"other"}, tags={RUN_KEY_TAG: spec.run_key})
            return ENDED_WELL

        script.behaviours = [resumes]
        job = work()
        assert job.error is not None
        assert job.error.code == "run_of_another_job"
        assert f"run '{run_id}' belongs to job '{first.job_id}'" in job.error.message
        assert [version.version for version in registry.versions(alice, "iris")] == [1]

    def test_what_is_logged_into_a_run_after_its_job_is_no_evidence(
        self, work: Callable[..., Job], script: Scripted, registry: RegistryService, alice: Principal
    ) -> None:
        tracking = script.tracking
        script.behaviours = [script.logs("first", "second")]
        job = work(logged_model="first")
        run = tracking.run(job.result["run_id"])
        tracking._runs[run.run_id] = replace(run, metrics={"auc": 0.99, "new": 1.0})
        second = next(model for model in tracking.logged_models(run.run_id) if model.name == "second")
        assert registry.register(alice, model_name="iris", logged=second).metrics == {"auc": 0.9}
        later = tracking.log_model(run.run_id, "later", {"MLmodel": b"later"})
        with pytest.raises(Conflict, match=r"was logged into run .* after the end of job"):
            registry.register(alice, model_name="iris", logged=later)

    def test_a_run_of_which_there_is_a_version_already_is_no_jobs(
        self, work: Callable[..., Job], script: Scripted, registry: RegistryService, alice: Principal
    ) -> None:
        tracking = script.tracking
        run_id = tracking.log_run("iris")
        registry.register(alice, model_name="iris", logged=tracking.log_model(run_id, "mine", {"MLmodel": b"x"}))

        def resumes(spec: RunSpec) -> RunOutcome:
            tracking.log_model(run_id, "model", {"MLmodel": b"other"}, tags={RUN_KEY_TAG: spec.run_key})
            return ENDED_WELL

        script.behaviours = [resumes]
        job = work()
        assert job.error is not None
        assert (job.error.code, "version 1 of 'iris'" in job.error.message) == ("run_of_another_job", True)


class TestCrashes:
    def test_a_process_that_dies_while_a_script_runs_finds_the_run_again(
        self,
        training: Training,
        engine: InlineJobEngine,
        jobs: JobService,
        runner: FakeRunner,
        script: Scripted,
        training_service: TrainingService,
        alice: Principal,
        clock: ManualClock,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        script.behaviours = [script.ends(None)]
        job = training_service.train(alice, Script("train.py", "print()", ()), model_name="iris")
        with monkeypatch.context() as dying:
            dying.setattr(clock, "sleep", die)
            with pytest.raises(Died):
                engine.run_next()
        (spec,) = runner.started
        script.logs("model")(spec)
        runner.finish(spec.run_key)

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


def rows_of(database: Database) -> str:
    """Everything that the tables hold of jobs, as text."""
    with database.read() as connection:
        tables = [metadata.tables[name] for name in ("jobs", "job_secrets", "audit_entries")]
        return str([tuple(row) for table in tables for row in connection.execute(table.select())])


def send_project(projects: ProjectService, principal: Principal, files: dict[str, str]) -> str:
    """Send a project with these files; gives its digest."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text.encode()))
    sha256 = hashlib.sha256(archive.getvalue()).hexdigest()
    with projects.receiving(sha256) as (incoming, place):
        incoming.write(archive.getvalue())
        incoming.flush()
        projects.keep(principal, sha256, incoming, place)
    return sha256


class TestAFullDisk:
    def test_ends_a_run_that_fills_it_and_takes_its_files_away(
        self, training: Training, jobs: JobService, engine: InlineJobEngine, runner: FakeRunner, clock: ManualClock,
        script: Scripted, alice: Principal, work: Callable[..., Job],
    ) -> None:  # fmt: skip
        """The check passes twice (before the steps), and no more once the script runs."""
        script.behaviours = [script.ends(None)]
        passed = iter(range(2))

        def check() -> None:
            if next(passed, None) is None:
                raise DiskFull("disk full: needs 9 MiB, has 1 MiB")

        filling = replace(training, check_space=check)
        body = workflow(filling.work, jobs=jobs, clock=clock, guarding=nullcontext, check_space=check)
        engine.register({TRAINING.name: body})
        job = work()
        assert job.error is not None
        assert (job.status, job.error.code) == (JobStatus.FAILED, "disk_full")
        (run,) = runner.started
        assert run.run_key in runner.cancelled
        assert run.run_key in runner.discarded
