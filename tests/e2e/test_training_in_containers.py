"""Scripts run in containers of a real Docker engine, while the control plane may be killed."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from bridged_engine import bridged_engine
from machine_base import machine_base
from notebook_files import code_cell, notebook_text
from ports import find_free_port
from tests.e2e.stack import EXAMPLES, Stack, wait_for
from tests.e2e.test_outages import CONTROL

from modelyard.adapters.runner.agent.exchange import WORK_FOLDER
from modelyard.oci.layout import Layout

EXAMPLE = EXAMPLES / "breast_cancer" / "train.py"


@dataclass(frozen=True)
class ContainerStack:
    """A platform whose scripts run in containers unless `local` is named, and its engine."""

    stack: Stack
    docker: list[str]

    def containers(self) -> list[str]:
        """Those of runs, also ones that have ended."""
        command = [*self.docker, "ps", "--all", "--quiet", "--filter", "label=io.modelyard.run"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ContainerStack]:
    folder = tmp_path_factory.mktemp("containers")
    with closing(Layout(folder / "bases")) as layout:
        machine_base(layout, folder / "root")
    with bridged_engine() as engine:
        runners = {"docker": {"engine": engine.address, "network": "host"}, "local": {}}
        stack = Stack(
            home=folder / "home",
            port=find_free_port(),
            mlflow_port=find_free_port(),
            settings={
                "MODELYARD_RUNNERS": json.dumps(runners),
                "MODELYARD_IMAGE_BASE": f"oci:{folder}/bases:base",
                "MODELYARD_COMPILE_MODELS": "false",
            },
        )
        with stack.running():
            yield ContainerStack(stack, engine.client)


def test_an_example_trains_in_a_container_while_the_control_plane_is_killed(platform: ContainerStack) -> None:
    stack = platform.stack
    script = EXAMPLE.read_text() + "\nimport pathlib, time\nprint('at the gate', flush=True)\n"
    script += "while not pathlib.Path('end').exists():\n    time.sleep(0.1)\nprint('through the gate')\n"
    body = {"script_name": "train.py", "script_content": script, "requirements": ["pandas>=2", "scikit-learn>=1.5"]}
    answer = stack.api.post("/mlops/training/upload", json=body | {"model_name": "in_container"})
    assert answer.status_code == 202, answer.text
    job_id = answer.json()["job_id"]
    wait_for(
        lambda: "at the gate" in stack.job_log(job_id) or stack.get(f"/mlops/jobs/{job_id}")["status"] == "failed",
        timeout=500,
        what=lambda: f"the script to come to its gate\n{stack.job_log(job_id)}",
    )
    (container,) = platform.containers()
    pid = stack.pid(CONTROL)
    os.kill(pid, signal.SIGKILL)
    gate = f"open('/{WORK_FOLDER}/runs/{job_id}/run-1/work/end', 'w')"
    subprocess.run([*platform.docker, "exec", container, "/opt/modelyard/bin/python", "-c", gate], check=True)

    job = stack.succeeded(job_id, timeout=300)

    assert job["source"]["runner"] == "docker"
    assert platform.containers() == []
    log = stack.job_log(job_id)
    assert log.count("at the gate") == log.count("through the gate") == 1
    (version,) = stack.get("/mlops/models/in_container")["versions"]
    assert (str(version["version"]), version["run_id"]) == (job["model_version"], job["run_id"])
    tracked = stack.tracker.get("/api/2.0/mlflow/runs/get", params={"run_id": job["run_id"]}).json()
    assert tracked["run"]["info"]["status"] == "FINISHED"


def test_a_notebook_runs_in_a_container_and_leaves_what_it_executed(
    platform: ContainerStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = platform.stack
    monkeypatch.setenv("API_KEY", "a-secret-of-the-test")
    file = tmp_path / "noted.ipynb"
    tagged = code_cell("part = 1", tags=["parameters"])
    shows = "import os, mlflow, sklearn\nprint(os.environ['API_KEY'], part)\npart"
    file.write_text(notebook_text(tagged, shows, "1 / part"))
    requirements = ["-r", "pandas>=2", "-r", "scikit-learn>=1.5"]
    given = ["--param", "part=0", "--secret", "API_KEY", "--runner", "docker"]
    done = stack.run("train", str(file), *requirements, *given, check=False, timeout=500)

    assert "the notebook failed: cell 4 of 4, line 1, `1 / part`: ZeroDivisionError: division by zero" in done.stderr
    (job,) = stack.get("/mlops/jobs", model_name="noted")["jobs"]
    executed = stack.api.get(f"/mlops/jobs/{job['job_id']}/notebook").json()
    printed, shown = executed["cells"][2]["outputs"]
    assert (printed["text"], shown["data"]["text/plain"]) == ("*** 0\n", "0")
    assert "cell 3 of 4 took " in stack.job_log(job["job_id"])
    assert platform.containers() == []


def test_a_job_in_a_container_is_cancelled_from_the_command_line(platform: ContainerStack, tmp_path: Path) -> None:
    stack = platform.stack
    script = tmp_path / "forever.py"
    script.write_text("import time\nprint('started', flush=True)\ntime.sleep(600)\n")
    requirements = ["-r", "pandas>=2", "-r", "scikit-learn>=1.5"]
    done = stack.run("train", str(script), *requirements, "--runner", "docker", "--no-wait", "--output", "json")
    job_id = json.loads(done.stdout)["job_id"]
    wait_for(lambda: "started" in stack.job_log(job_id), timeout=120, what=lambda: stack.job_log(job_id))

    stack.run("jobs", "cancel", job_id)

    assert stack.ended(job_id)["status"] == "cancelled"
    assert platform.containers() == []


def test_a_runner_that_is_not_configured_is_refused_on_the_command_line(platform: ContainerStack) -> None:
    done = platform.stack.run("train", str(EXAMPLE), "--runner", "moon", check=False)
    assert done.returncode != 0
    assert "runner: expected one of the configured runners ('docker', 'local'), got 'moon'" in done.stderr
