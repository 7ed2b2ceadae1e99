"""Runs in real pods: what a cluster says of them, and what becomes of a run whose pod is gone."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from container_runs import EMPTY_LOCK
from pod_runs import PodRuns, pod_runs

from modelyard.adapters.kubernetes.cluster_api import PODS
from modelyard.adapters.runner.hosted import HostedRunner
from modelyard.ports.runner import Limits, RunOutcome, RunPhase, RunSpec

KEY = "job-1/1"
LIMITS = Limits(seconds=60, memory_bytes=2**28, output_bytes=2**20, disk_bytes=2**28)
WAITING = "import time\nprint('started', flush=True)\ntime.sleep(300)\n"


@pytest.fixture(scope="module")
def pods(real_kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PodRuns]:
    with pod_runs(real_kubeconfig, tmp_path_factory.mktemp("cluster")) as runs:
        yield runs


@pytest.fixture
def runner(pods: PodRuns, tmp_path: Path) -> Iterator[HostedRunner]:
    runner = pods.runner(tmp_path)
    yield runner
    runner.cancel(KEY)
    runner.forget(KEY)
    assert pods.left() == []


def make_spec(script: str) -> RunSpec:
    return RunSpec(
        run_key=KEY,
        python_environment=EMPTY_LOCK.digest,
        script_name="train.py",
        script_content=script,
        environment={"LANG": "C.UTF-8"},
        limits=LIMITS,
    )


def until(runner: HostedRunner, fact: Callable[[RunOutcome], bool]) -> RunOutcome:
    deadline = time.monotonic() + 90
    while not fact(outcome := runner.observe(KEY)):
        assert time.monotonic() < deadline, f"the run is {outcome}"
        time.sleep(0.1)
    return outcome


def ended(runner: HostedRunner) -> RunOutcome:
    return until(runner, lambda outcome: outcome.phase is not RunPhase.RUNNING)


def log_of(runner: HostedRunner) -> str:
    return runner.read_log(KEY, 0).content.decode()


def test_a_script_in_a_pod_is_no_root_and_sees_no_token(runner: HostedRunner) -> None:
    script = """
import os, pathlib
print(os.getuid(), pathlib.Path("/var/run/secrets/kubernetes.io").exists(), sorted(os.environ))
try:
    pathlib.Path("/proc/1/environ").read_bytes()
except OSError as error:
    print("refused")
try:
    pathlib.Path("/x").write_text("x")
except OSError as error:
    print("refused")
"""
    runner.start(replace(make_spec(script), secrets={"KEY": "very-secret-indeed"}))
    assert ended(runner) == RunOutcome(RunPhase.FINISHED, exit_code=0)
    first, *rest = log_of(runner).splitlines()
    assert first == "65532 False ['HOME', 'KEY', 'LANG', 'PATH', 'TMPDIR', 'USER']"
    assert rest == ["refused", "refused"]


def test_another_control_plane_goes_on_with_a_run(runner: HostedRunner, pods: PodRuns, tmp_path: Path) -> None:
    script = (
        "import time\nprint('before', flush=True)\ntime.sleep(4)\nprint('after')\nopen('made.py', 'w').write('X')\n"
    )
    runner.start(make_spec(script))
    until(runner, lambda _: log_of(runner) == "before\n")
    time.sleep(5)  # The run ends while no control plane looks.

    anew = pods.runner(tmp_path)
    anew.start(make_spec("print('never')"))

    assert ended(anew) == RunOutcome(RunPhase.FINISHED, exit_code=0)
    assert log_of(anew) == "before\nafter\n"
    assert anew.files(KEY, ".") == ["made.py", "train.py"]
    assert pods.left() == []


def test_a_run_whose_pod_is_gone_is_lost_and_not_begun_again(runner: HostedRunner, pods: PodRuns) -> None:
    runner.start(make_spec(WAITING))
    until(runner, lambda _: log_of(runner) == "started\n")
    (pod,) = pods.api.list(PODS, namespace=pods.namespace)
    pods.api.delete(PODS, pod["metadata"]["name"], namespace=pods.namespace)

    assert ended(runner) == RunOutcome(RunPhase.LOST)
    runner.cancel(KEY)
    assert pods.left() == []
    assert runner.observe(KEY) == RunOutcome(RunPhase.LOST)
    assert log_of(runner) == "started\n"


def test_a_pod_for_which_no_node_has_room_ends_the_run_with_that_reason(pods: PodRuns, tmp_path: Path) -> None:
    runner = pods.runner(tmp_path, pods.host(cpus=900, requested_cpus=900), start_seconds=3)
    runner.start(make_spec(WAITING))
    outcome = ended(runner)
    assert outcome.reason is not None
    assert "The run did not begin in 3 seconds: Unschedulable: 0/1 nodes are available" in outcome.reason
    assert pods.left() == []


def test_a_run_that_waits_for_its_node_is_cancelled_at_once(pods: PodRuns, tmp_path: Path) -> None:
    runner = pods.runner(tmp_path, pods.host(cpus=900, requested_cpus=900))
    runner.start(make_spec(WAITING))
    runner.cancel(KEY)
    assert runner.observe(KEY).reason == "The run was cancelled."
    assert pods.left() == []
