"""Notebooks as runs of Databricks, on the real SDK and a service that behaves as documented."""

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from databricks_service import (
    BROKEN,
    BUSY,
    DOWN,
    EXPIRED,
    FORBIDDEN,
    TOKEN,
    DatabricksService,
    Refused,
    databricks_service,
)
from notebook_files import notebook_text

from modelyard.adapters.runner.databricks import DatabricksOptions, DatabricksRunner
from modelyard.adapters.runner.databricks_states import DatabricksRun, outcome_of
from modelyard.adapters.runner.databricks_workspace import DatabricksWorkspace
from modelyard.adapters.runner.run_store import RunStore
from modelyard.errors import Invalid, Unavailable
from modelyard.ports.environments import Lock
from modelyard.ports.runner import Limits, RunOutcome, RunPhase, RunSpec

LOCK_TEXT = "# python: 3.11\nipykernel==7.4.0 \\\n    --hash=sha256:aa\nscikit-learn==1.9.1 \\\n    --hash=sha256:bb\n"
LOCK = Lock(LOCK_TEXT, sha256(LOCK_TEXT.encode()).hexdigest())
LIMITS = Limits(seconds=60, memory_bytes=2**30, output_bytes=2**20, disk_bytes=2**30)
KEY = "job-1/1"
SUBMIT, GET = "/api/2.2/jobs/runs/submit", "/api/2.2/jobs/runs/get"
RUNNING = RunOutcome(RunPhase.RUNNING)


@pytest.fixture
def service() -> Iterator[DatabricksService]:
    with databricks_service() as made:
        yield made


@pytest.fixture(scope="module")
def sdk() -> None:
    """Imported once for all tests: that takes seconds."""
    import databricks.sdk.service.jobs  # noqa: F401, PLC0415


@pytest.fixture
def make_runner(service: DatabricksService, tmp_path: Path, sdk: None, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A runner on the same folder: another control plane, or this one after a restart."""
    monkeypatch.setenv("DATABRICKS_TOKEN", TOKEN)

    def make(**options: Any) -> DatabricksRunner:
        given: dict[str, Any] = {"folder": "/Shared/runs", "experiments": "/Shared/experiments", "poll_seconds": 0.0}
        made = DatabricksRunner(
            RunStore(tmp_path / "jobs"),
            DatabricksWorkspace({"host": service.url, "auth_type": "pat"}),
            installation=lambda: "installation-1",
            options=DatabricksOptions(**given | options),
            tracking=None,
        )
        made.prepare(LOCK, log=print)
        return made

    return make


@pytest.fixture
def runner(make_runner: Any) -> DatabricksRunner:
    made: DatabricksRunner = make_runner()
    return made


@pytest.fixture
def spec() -> RunSpec:
    return RunSpec(
        run_key=KEY,
        python_environment=LOCK.digest,
        notebook_driver="driver",
        script_name="train.ipynb",
        script_content=notebook_text("print('good')"),
        environment={"MLFLOW_TRACKING_URI": "databricks", "MLFLOW_EXPERIMENT_NAME": "../iris rows/ä"},
        limits=LIMITS,
    )


def log_of(runner: DatabricksRunner) -> str:
    return runner.read_log(KEY, 0).content.decode()


class TestDatabricksRunner:
    def test_a_notebook_is_imported_submitted_once_followed_and_removed(
        self, runner: DatabricksRunner, service: DatabricksService, spec: RunSpec
    ) -> None:
        assert runner.observe(KEY) == RunOutcome(RunPhase.UNKNOWN)
        runner.start(spec)
        runner.start(spec)
        waiting = runner.observe(KEY)
        service.move("RUNNING")
        running = runner.observe(KEY)
        service.outputs[service.only_run["tasks"][0]["run_id"]] = {"notebook_output": {"result": "0.9"}}
        service.move("TERMINATED", "SUCCESS")

        assert waiting == RunOutcome(RunPhase.RUNNING, reason="Databricks says PENDING: Waiting for cluster")
        assert running == RUNNING
        assert runner.observe(KEY) == RunOutcome(RunPhase.FINISHED, exit_code=0)
        (asked,) = service.submitted
        assert (asked["timeout_seconds"], len(asked["idempotency_token"])) == (60, 54)
        assert service.notebooks == {}
        page = f"Databricks: {service.only_run['run_page_url']}"
        assert log_of(runner).splitlines() == [
            page,
            "Databricks: PENDING: Waiting for cluster",
            "Databricks: RUNNING",
            "Databricks: TERMINATED SUCCESS",
            "0.9",
        ]
        assert runner.read_log(KEY, runner.log_size(KEY)).is_end
        runner.start(spec)
        assert len(service.submitted) == 1

    def test_cells_before_it_install_its_lock_and_set_its_variables(
        self, runner: DatabricksRunner, service: DatabricksService, spec: RunSpec
    ) -> None:
        runner.start(spec)

        sources = ["".join(cell["source"]) for cell in service.imported[0]["cells"]]
        assert "== '3.11', " in sources[0]
        assert "scikit-learn==1.9.1" in sources[0]
        assert "ipykernel" not in sources[0]
        assert sources[1].startswith("%pip install --quiet --no-deps --require-hashes -r ")
        assert sources[2] == "dbutils.library.restartPython()"
        assert "'MLFLOW_EXPERIMENT_NAME': '/Shared/experiments/iris-rows-ä-" in sources[3]
        assert sources[4] == "print('good')"
        for source in (sources[0], sources[3]):
            compile(source, "cell", "exec")

    def test_the_compute_is_what_the_operator_named(
        self, make_runner: Any, service: DatabricksService, spec: RunSpec
    ) -> None:
        make_runner(cluster={"existing_cluster_id": "1129-1"}, installs=False).start(spec)

        assert service.submitted[0]["tasks"][0]["existing_cluster_id"] == "1129-1"
        assert len(service.imported[0]["cells"]) == 2

    def test_killed_after_it_was_submitted_and_before_that_was_written_it_is_the_same_run(
        self, make_runner: Any, service: DatabricksService, spec: RunSpec, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def die() -> None:
            raise Refused(502, "BAD_GATEWAY", "the connection broke")

        service.after_submit = die
        with pytest.raises(Unavailable):
            make_runner().start(spec)
        service.after_submit = lambda: None

        later = make_runner()
        assert later.observe(KEY) == RunOutcome(RunPhase.UNKNOWN)
        later.start(spec)

        assert (len(service.submitted), len(service.runs)) == (1, 1)
        assert later.observe(KEY).phase is RunPhase.RUNNING

    def test_one_that_was_submitted_before_that_was_written_is_found_to_be_cancelled(
        self, make_runner: Any, service: DatabricksService, spec: RunSpec
    ) -> None:
        def die() -> None:
            raise Refused(502, "BAD_GATEWAY", "the connection broke")

        service.after_submit = die
        with pytest.raises(Unavailable):
            make_runner().start(spec)

        make_runner().cancel(KEY)

        assert service.only_run["state"]["result_state"] == "CANCELED"

    def test_another_control_plane_goes_on_with_it(
        self, make_runner: Any, service: DatabricksService, spec: RunSpec
    ) -> None:
        make_runner().start(spec)
        service.move("TERMINATED", "SUCCESS")

        assert make_runner().observe(KEY).exit_code == 0

    def test_many_that_start_it_at_once_start_it_once(
        self, make_runner: Any, service: DatabricksService, spec: RunSpec
    ) -> None:
        with ThreadPoolExecutor(4) as threads:
            for call in [threads.submit(make_runner().start, spec) for _ in range(4)]:
                call.result()

        assert len(service.submitted) == 1

    def test_a_cancelled_run_has_ended_when_cancel_returns(
        self, runner: DatabricksRunner, service: DatabricksService, spec: RunSpec
    ) -> None:
        runner.start(spec)
        runner.cancel(KEY)

        ended = RunOutcome(RunPhase.FINISHED, exit_code=-15, reason="The run was cancelled.")
        assert runner.observe(KEY) == ended
        runner.cancel(KEY)
        assert runner.observe(KEY) == ended

    def test_cancelling_what_was_never_started_does_not_prevent_its_start(
        self, runner: DatabricksRunner, service: DatabricksService, spec: RunSpec
    ) -> None:
        runner.cancel(KEY)
        runner.start(spec)

        assert len(service.submitted) == 1

    def test_a_run_that_is_not_known_yet_runs(
        self, runner: DatabricksRunner, service: DatabricksService, spec: RunSpec
    ) -> None:
        runner.start(spec)
        service.unknown_gets = 2

        assert runner.observe(KEY) == RUNNING
        assert runner.observe(KEY) == RUNNING
        service.move("TERMINATED", "SUCCESS")
        assert runner.observe(KEY).exit_code == 0

    @pytest.mark.parametrize("error", [BUSY, DOWN, BROKEN])
    def test_while_the_service_is_busy_or_away_the_run_runs_and_nobody_waits(
        self, runner: DatabricksRunner, service: DatabricksService, spec: RunSpec, error: Refused
    ) -> None:
        runner.start(spec)
        service.refuse(GET, error)
        began = time.monotonic()

        assert runner.observe(KEY) == RUNNING
        assert time.monotonic() - began < 5
        service.move("TERMINATED", "SUCCESS")
        assert runner.observe(KEY).exit_code == 0

    @pytest.mark.parametrize("error", [EXPIRED, FORBIDDEN])
    def test_credentials_that_expire_meanwhile_are_named_and_may_be_renewed(
        self, runner: DatabricksRunner, service: DatabricksService, spec: RunSpec, error: Refused
    ) -> None:
        runner.start(spec)
        service.refuse(GET, error)

        outcome = runner.observe(KEY)
        assert outcome.phase is RunPhase.RUNNING
        assert error.message in (outcome.reason or "")
        service.move("TERMINATED", "SUCCESS")
        assert runner.observe(KEY).exit_code == 0

    @pytest.mark.parametrize("error", [BUSY, DOWN])
    def test_a_start_while_the_service_is_away_can_be_repeated(
        self, runner: DatabricksRunner, service: DatabricksService, spec: RunSpec, error: Refused
    ) -> None:
        service.refuse(SUBMIT, error)
        with pytest.raises(Unavailable):
            runner.start(spec)
        runner.start(spec)

        assert len(service.submitted) == 1

    def test_a_start_that_is_refused_says_what_the_service_says(
        self, runner: DatabricksRunner, service: DatabricksService, spec: RunSpec
    ) -> None:
        service.refuse(SUBMIT, FORBIDDEN, Refused(400, "INVALID_PARAMETER_VALUE", "Cluster 1129-1 is terminated"))

        with pytest.raises(Invalid, match="permission Manage"):
            runner.start(spec)
        with pytest.raises(Invalid, match="Cluster 1129-1 is terminated"):
            runner.start(spec)

    def test_the_error_of_a_cell_is_the_reason_and_its_trace_is_in_the_log(
        self, runner: DatabricksRunner, service: DatabricksService, spec: RunSpec
    ) -> None:
        runner.start(spec)
        service.move("TERMINATED", "FAILED", message="Workload failed", code="RUN_EXECUTION_ERROR")
        task = service.only_run["tasks"][0]["run_id"]
        service.outputs[task] = {"error": "ValueError: not good", "error_trace": "Traceback\nValueError: not good"}

        outcome = runner.observe(KEY)
        assert (outcome.exit_code, outcome.reason) == (1, "The notebook failed: ValueError: not good")
        assert "Traceback\nValueError: not good\n" in log_of(runner)

    def test_a_run_that_is_forgotten_was_never_started(
        self, runner: DatabricksRunner, service: DatabricksService, spec: RunSpec
    ) -> None:
        runner.start(spec)
        service.move("TERMINATED", "SUCCESS")
        runner.observe(KEY)
        for _ in range(2):
            runner.forget(KEY)

        assert runner.observe(KEY) == RunOutcome(RunPhase.UNKNOWN)

    @pytest.mark.parametrize(
        ("given", "field"),
        [
            ({"is_notebook": False}, "script_name"),
            ({"has_project": True}, "project"),
            ({"has_secrets": True}, "secrets"),
        ],
    )
    def test_what_it_cannot_run_is_refused_by_its_field(
        self, runner: DatabricksRunner, given: dict[str, bool], field: str
    ) -> None:
        with pytest.raises(Invalid) as refused:
            runner.check(**{"is_notebook": True, "has_project": False, "has_secrets": False, **given})
        assert (refused.value.code, refused.value.field) == ("runner_cannot", field)

    def test_nothing_of_the_sdk_is_imported_until_it_is_needed(self) -> None:
        program = (
            "import sys, modelyard.adapters.runner.databricks_runner\n"
            "assert not [name for name in sys.modules if name.startswith('databricks')]"
        )
        subprocess.run([sys.executable, "-c", program], check=True)


class TestStates:
    @pytest.mark.parametrize("life_cycle", ["PENDING", "QUEUED", "BLOCKED", "WAITING_FOR_RETRY", "WAITING"])
    def test_a_run_that_waits_says_so(self, life_cycle: str) -> None:
        outcome = outcome_of(DatabricksRun(life_cycle), error=None, seconds=60)

        assert outcome == RunOutcome(RunPhase.RUNNING, reason=f"Databricks says {life_cycle}")

    @pytest.mark.parametrize("life_cycle", ["RUNNING", "TERMINATING"])
    def test_a_run_that_is_under_way_runs(self, life_cycle: str) -> None:
        assert outcome_of(DatabricksRun(life_cycle), error=None, seconds=60) == RUNNING

    @pytest.mark.parametrize(
        ("run", "exit_code", "reason"),
        [
            (DatabricksRun("TERMINATED", "SUCCESS"), 0, None),
            (DatabricksRun("TERMINATED", "FAILED"), 1, "The notebook failed."),
            (DatabricksRun("TERMINATED", "CANCELED"), -15, "The run was cancelled."),
            (DatabricksRun("TERMINATED", "TIMEDOUT"), -15, "The notebook ran longer than its limit of 60 seconds."),
            (DatabricksRun("TERMINATED", "SUCCESS_WITH_FAILURES"), 1, "A part of the run failed."),
            (DatabricksRun("TERMINATED", "UPSTREAM_FAILED"), 1, "What the run waited for failed."),
            (DatabricksRun("TERMINATED", "UPSTREAM_CANCELED"), 1, "What the run waited for was cancelled."),
            (DatabricksRun("TERMINATED", "EXCLUDED"), 1, "The run was left out, as its condition did not hold."),
            (DatabricksRun("TERMINATED", "DISABLED"), 1, "The run was left out, as it is disabled."),
            (
                DatabricksRun("TERMINATED", "MAXIMUM_CONCURRENT_RUNS_REACHED"),
                1,
                "Databricks runs as many runs as it may already.",
            ),
            (DatabricksRun("SKIPPED", message="a run is active"), 1, "Databricks skipped the run: a run is active"),
            (
                DatabricksRun("INTERNAL_ERROR", "FAILED", "no instances", "CLUSTER_ERROR"),
                -9,
                "Databricks could not run the notebook (CLUSTER_ERROR): no instances",
            ),
            (DatabricksRun("TERMINATED", "MELTED"), 1, "The run ended as MELTED."),
            (DatabricksRun("TERMINATED"), 1, "The run ended as TERMINATED."),
        ],
    )
    def test_every_end_is_named(self, run: DatabricksRun, exit_code: int, reason: str | None) -> None:
        outcome = outcome_of(run, error=None, seconds=60)

        assert outcome == RunOutcome(RunPhase.FINISHED, exit_code=exit_code, reason=reason)
