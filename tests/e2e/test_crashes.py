"""`kill -9` of the control plane in every phase of one click, and MLflow stopped meanwhile: nothing is made twice."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest
from tests.e2e.stack import SCRIPTS, Json, Stack, wait_for
from tests.e2e.test_isolation import ROWS
from tests.e2e.test_outages import CONTROL, MLFLOW


class Gates:
    """The places where a gated script waits for us: files in its own working folder, the only one that it may write."""

    def __init__(self, stack: Stack, script: str = "gated.py") -> None:
        self.stack = stack
        self.script = SCRIPTS / script
        self.folder = Path()

    def deploy(self, *, model_name: str) -> str:
        """One click with the script, for two replicas. The id of the job."""
        return self._of(self.stack.deploy(self.script, model_name=model_name, replicas=2))

    def train(self, *, model_name: str) -> str:
        """A training job of the script. Its id."""
        return self._of(self.stack.train(self.script, model_name=model_name))

    def await_reached(self, name: str) -> None:
        """Wait until the script stands before this gate."""
        reached = self.folder / f"{name}.reached"
        wait_for(reached.exists, timeout=240, every=0.02, what=lambda: f"the script to reach the gate '{name}'")

    def open(self, *names: str) -> None:
        """Let the script through, or when it is there."""
        wait_for(self.folder.is_dir, timeout=240, every=0.02, what=lambda: "the run to begin")
        for name in names:
            (self.folder / f"{name}.open").touch()

    def _of(self, job_id: str) -> str:
        self.folder = self.stack.home / "jobs" / job_id / "run-1" / "work"
        return job_id


@pytest.fixture
def gates(stack: Stack) -> Gates:
    return Gates(stack)


def phase_of(stack: Stack, job_id: str) -> str:
    """The job's phase, or its end."""
    return str(stack.get(f"/mlops/deployments/{job_id}")["status"])


def kill_control_in(stack: Stack, phase: str, job_id: str) -> None:
    """`kill -9` the control plane at the moment when the job is in this phase."""
    later = ["registering", "building", "deploying", "deployed", "failed"]
    passed = later[later.index(phase) + 1 :] if phase in later else later

    def is_there() -> bool:
        found = phase_of(stack, job_id)
        assert found not in passed, f"the job was {found} before anyone saw it {phase}"
        return found == phase

    pid = stack.pid(CONTROL)
    wait_for(is_there, timeout=240, every=0.002, what=lambda: f"the phase {phase}\n{stack.job_log(job_id)}")
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: stack.pid(CONTROL) not in {0, pid}, what=lambda: "supervisord to start the control plane again")


@contextmanager
def frozen(stack: Stack, program: str) -> Iterator[None]:
    """While no process of this program gets any time: it is there, and does not answer."""
    root = psutil.Process(stack.pid(program))
    processes = [root, *root.children(recursive=True)]
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.resume()


def assert_made_once(stack: Stack, job: Json) -> None:
    """One run, one version, one deployment, its replicas, and no process that belongs to nobody."""
    runs = stack.tracker.post(
        "/api/2.0/mlflow/runs/search",
        json={"experiment_ids": experiment_ids(stack), "filter": f"tags.`modelyard.job_id` = '{job['job_id']}'"},
    ).json()["runs"]
    assert [(run["info"]["run_id"], run["info"]["status"]) for run in runs] == [(job["run_id"], "FINISHED")]
    versions = stack.get(f"/mlops/models/{job['model_name']}")["versions"]
    assert [version["version"] for version in versions] == [int(job["model_version"])] == [1]
    (deployment,) = stack.get("/api/v1/deployments", model_name=job["model_name"])["deployments"]
    assert deployment["deployment_id"] == job["deployment_id"]
    assert (deployment["status"], deployment["ready_replicas"]) == ("ready", 2)
    assert not stack.processes_in(stack.home / "jobs" / job["job_id"])
    known = {each["deployment_id"] for each in stack.get("/api/v1/deployments")["deployments"]}
    running = {process.cwd() for process in stack.processes_in(stack.home / "servers")}
    assert {Path(folder).name for folder in running if "/servers/" in folder} <= known


def experiment_ids(stack: Stack) -> list[str]:
    """All experiments of the tracking server."""
    answer = stack.tracker.get("/api/2.0/mlflow/experiments/search", params={"max_results": 1000})
    return [experiment["experiment_id"] for experiment in answer.json()["experiments"]]


def ends_as_it_would_have(stack: Stack, job_id: str) -> None:
    """The job is deployed, answers, and made each thing once."""
    stack.await_ready()
    job = stack.succeeded(job_id)
    assert stack.predict(job["deployment_url"], ROWS) == [0, 2]
    assert_made_once(stack, job)
    stack.undeploy(job["model_name"])


class TestTheControlPlaneIsKilled:
    def test_in_training(self, stack: Stack, gates: Gates) -> None:
        job_id = gates.deploy(model_name="killed-in-training")
        gates.await_reached("training")
        before = {process.pid for process in stack.processes_in(stack.home / "jobs" / job_id)}

        kill_control_in(stack, "training", job_id)
        stack.await_ready()
        after = {process.pid for process in stack.processes_in(stack.home / "jobs" / job_id)}
        gates.open("training", "end")

        assert before
        assert after == before  # The run has not noticed.
        ends_as_it_would_have(stack, job_id)

    def test_in_training_which_ends_while_it_is_down(self, stack: Stack, gates: Gates) -> None:
        job_id = gates.deploy(model_name="ended-meanwhile")
        gates.await_reached("training")
        gates.open("training")
        gates.await_reached("end")

        with stack.stopped(CONTROL):
            gates.open("end")
            wait_for(lambda: not stack.processes_in(stack.home / "jobs" / job_id), what=lambda: "the end of the script")

        ends_as_it_would_have(stack, job_id)

    def test_in_registering(self, stack: Stack, gates: Gates) -> None:
        job_id = gates.deploy(model_name="killed-in-registering")
        gates.await_reached("training")
        gates.open("training")
        gates.await_reached("end")

        with frozen(stack, MLFLOW):
            gates.open("end")
            kill_control_in(stack, "registering", job_id)

        ends_as_it_would_have(stack, job_id)

    @pytest.mark.parametrize("phase", ["building", "deploying"])
    def test_in(self, stack: Stack, gates: Gates, phase: str) -> None:
        job_id = gates.deploy(model_name=f"killed-in-{phase}")
        gates.open("training", "end")

        kill_control_in(stack, phase, job_id)

        ends_as_it_would_have(stack, job_id)

    def test_in_every_phase_of_one_job(self, stack: Stack, gates: Gates) -> None:
        job_id = gates.deploy(model_name="killed-often")
        gates.await_reached("training")

        kill_control_in(stack, "training", job_id)
        stack.await_ready()
        gates.open("training", "end")
        for phase in ("building", "deploying"):
            kill_control_in(stack, phase, job_id)
            stack.await_ready()

        ends_as_it_would_have(stack, job_id)


class TestMlflowIsStopped:
    @pytest.mark.parametrize("how", ["stopped", "frozen"])
    def test_before_registering_the_job_waits_and_goes_on(self, stack: Stack, gates: Gates, how: str) -> None:
        outage: Callable[..., object] = stack.stopped if how == "stopped" else lambda name: frozen(stack, name)
        job_id = gates.deploy(model_name=f"mlflow-{how}")
        gates.await_reached("training")
        gates.open("training")
        gates.await_reached("end")

        with outage(MLFLOW):  # type: ignore[attr-defined]  # Both are context managers.
            gates.open("end")
            wait_for(lambda: phase_of(stack, job_id) == "registering", what=lambda: stack.job_log(job_id))
            wait_for(
                lambda: stack.get("/mlops/status")["components"]["mlflow"]["status"] != "ok",
                what=lambda: f"the status to say so: {stack.get('/mlops/status')}",
            )
            assert stack.get(f"/mlops/jobs/{job_id}")["status"] == "running"

        ends_as_it_would_have(stack, job_id)
