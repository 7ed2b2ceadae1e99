"""A model in containers of a real dockerd: from the script to answers, over killed control planes, to nothing left."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from bridged_engine import BridgedEngine, bridged_engine
from machine_base import make_root
from ports import find_free_port
from tests.e2e.stack import BIN, EXAMPLES, Stack, wait_for
from tests.e2e.test_examples import holdout_of

from modelyard.home import Home


@pytest.fixture(scope="module")
def engine() -> Iterator[BridgedEngine]:
    with bridged_engine() as engine:
        yield engine


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root file system of the base, with this machine's Python."""
    return make_root(tmp_path_factory.mktemp("base") / "root")


@pytest.fixture(scope="module")
def stack(engine: BridgedEngine, root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A platform with two targets, and a base for images."""
    port, mlflow_port, first = (find_free_port() for _ in range(3))
    targets = {"local": {}, "docker": {"engine": engine.address}}
    stack = Stack(
        home=tmp_path_factory.mktemp("docker") / "home",
        port=port,
        mlflow_port=mlflow_port,
        settings={
            "MODELYARD_TARGETS": json.dumps(targets),
            "MODELYARD_SERVER_PORT_FIRST": str(first),
            "MODELYARD_SERVER_PORT_LAST": str(min(first + 200, 65535)),
            "MODELYARD_REPLICA_MEMORY_MB": "1024",
        },
    )
    with stack.running():
        stack.run("images", "base", "import", str(root), "--name", "machine")
        yield stack


def kill_control_plane(stack: Stack) -> None:
    """As a crash does it; the supervisor starts it again."""
    os.kill(stack.pid("control"), signal.SIGKILL)


def deployments(stack: Stack, target: str) -> list[dict[str, Any]]:
    """Those of the model in a target."""
    with suppress(httpx.TransportError):
        found = stack.get("/api/v1/deployments", model_name="my_model")["deployments"]
        return [one for one in found if one["target"] == target]
    return []


def test_containers_answer_as_processes_do_and_nothing_is_left(stack: Stack, engine: BridgedEngine) -> None:
    script = str(EXAMPLES / "breast_cancer" / "train.py")
    deploy = ("deploy", script, "--model", "my_model", "--target", "docker", "--replicas", "2", "--no-wait")
    job_id = json.loads(stack.run(*deploy, "--output", "json").stdout)["job_id"]
    wait_for(lambda: deployments(stack, "docker"), timeout=300, what=lambda: stack.job_log(job_id))
    kill_control_plane(stack)
    job = stack.succeeded(job_id, timeout=240)
    url = job["deployment_url"]
    stack.run("deploy", "my_model", "--target", "local", "--another")
    (local,) = deployments(stack, "local")
    (deployed,) = deployments(stack, "docker")
    assert (deployed["status"], deployed["ready_replicas"], deployed["url"]) == ("ready", 2, url)
    rows = holdout_of(stack, job["run_id"])["inputs"]
    answers = stack.predict(url, rows)
    assert answers == stack.predict(local["url"], rows)
    assert len(answers) > 100

    checked = subprocess.run([BIN / "modelyard-conformance", url], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout

    names = sorted(engine.names())
    assert len(names) == 2
    kill_control_plane(stack)
    assert stack.predict(url, rows) == answers  # Nobody needs the control plane for this.
    stack.await_ready()
    wait_for(lambda: deployments(stack, "docker"), what=stack.log_ends)
    assert sorted(engine.names()) == names

    log = stack.run("logs", deployed["deployment_id"]).stdout
    assert "modelyard_serving" in log
    stack.run("scale", deployed["deployment_id"], "--replicas", "1")
    wait_for(lambda: len(engine.names()) == 1, what=stack.log_ends)
    stack.run("undeploy", deployed["deployment_id"])
    wait_for(lambda: not deployments(stack, "docker"), what=stack.log_ends)
    assert engine.names() == []
    assert engine.docker("image", "ls", "--quiet").stdout == ""
    assert list(Home(stack.home).balancer.glob("ports/[0-9]*")) == []
    with pytest.raises(httpx.ConnectError):
        stack.predict(url, rows)
