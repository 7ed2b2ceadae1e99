"""A project of `modelyard new` as its user has it: the `run:` steps of its workflow, in their order.

They lint, test the served model, build the image without Docker, push it and register the version. A project takes the
three distributions from a package index; here wheels of this repository stand for it.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from image_engines import RealRegistry, need, real_registry
from machine_base import LIBRARY, PYTHON, make_root
from ports import find_free_port
from tests.e2e.stack import BIN, REPOSITORY, Stack, end_all

COMMIT = "4f6c0d1e2b3a4958a7b6c5d4e3f201194f6c0d1e"
GITHUB = {
    "GITHUB_SHA": COMMIT,
    "GITHUB_REPOSITORY": "Example/Churn",
    "GITHUB_SERVER_URL": "https://github.example.com",
    "GITHUB_RUN_ID": "17",
}
RUN = "https://github.example.com/Example/Churn/actions/runs/17"


@dataclass
class Runner:
    """Runs steps of a workflow as GitHub's runner does: what one writes to `GITHUB_ENV`, the next ones have."""

    project: Path
    environment: dict[str, str]
    expressions: Mapping[str, str]
    """What each expression in an `env` gives."""
    ran: list[str] = field(default_factory=list)

    def job(self, job: Mapping[str, Any]) -> None:
        """All of its `run:` steps."""
        for step in job["steps"]:
            if "run" in step:
                self.step(step, job.get("env", {}))

    def step(self, step: Mapping[str, Any], env: Mapping[str, str]) -> None:
        """One of them; it must end well."""
        given = {name: self._value(text) for name, text in {**env, **step.get("env", {})}.items()}
        written = self.project.with_name("github-env")
        written.touch()
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-e", "-c", step["run"]],
            cwd=self.project,
            env={**self.environment, **given, "GITHUB_ENV": str(written)},
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )
        assert done.returncode == 0, f"{step['run']}\n{done.stdout[-6000:]}\n{done.stderr[-6000:]}"
        self.environment |= dict(line.split("=", 1) for line in written.read_text().splitlines())
        self.ran.append(step["run"])

    def _value(self, text: str) -> str:
        if not text.startswith("${{"):
            return text
        return self.expressions[text.removeprefix("${{").removesuffix("}}").strip()]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRegistry]:
    need("skopeo")
    with real_registry(tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, registry: RealRegistry) -> Iterator[Path]:
    """With a base for its image, so that none need be fetched. Nothing of its own Modelyard runs afterwards."""
    if not PYTHON.exists() or not LIBRARY.exists() or sys.version_info[:2] != (3, 11):
        pytest.skip(f"{PYTHON} is not installed (Debian 12 has it)")
    folder = tmp_path_factory.mktemp("made") / "churn"
    command = [str(BIN / "modelyard"), "new", str(folder), "--registry", f"{registry.host}/models/churn"]
    subprocess.run(command, check=True, capture_output=True)
    root = make_root(tmp_path_factory.mktemp("base") / "root")
    imported = [str(BIN / "modelyard"), "images", "base", "import", str(root), "--home", str(folder / ".modelyard")]
    subprocess.run(imported, check=True, capture_output=True)
    yield folder
    left = end_all(Stack(home=folder / ".modelyard", port=0, mlflow_port=0))
    assert not left, f"the steps left processes: {left}"


@pytest.fixture(scope="module")
def runner(project: Path, stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Runner:
    folder = tmp_path_factory.mktemp("runner")
    build = ["build", "--quiet", "--all-packages", "--wheel", "--no-build-isolation", "--python", sys.executable]
    subprocess.run([BIN / "uv", *build, "--out-dir", str(folder / "wheels")], cwd=REPOSITORY, check=True)
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("MODELYARD_", "MLFLOW_"))}
    links = ",".join(filter(None, [str(folder / "wheels"), os.environ.get("UV_FIND_LINKS")]))
    return Runner(
        project=project,
        environment={
            **kept,
            **GITHUB,
            "PATH": f"{stand_ins(folder / 'bin')}:{os.environ['PATH']}",
            "UV_FIND_LINKS": links,
            "REGISTRY_AUTH_FILE": str(folder / "auth.json"),
            "MODELYARD_PORT": str(find_free_port()),
            "MODELYARD_MLFLOW_PORT": str(find_free_port()),
        },
        expressions={
            "secrets.REGISTRY_USER || github.actor": "anna",
            "secrets.REGISTRY_PASSWORD || secrets.GITHUB_TOKEN": "not asked for",
            "secrets.MODELYARD_URL": stack.url,
            "secrets.MODELYARD_TOKEN": stack.token,
        },
    )


def stand_ins(folder: Path) -> Path:
    """Programs that come before the system's: no step installs packages here, and skopeo speaks plain HTTP."""
    folder.mkdir()
    skopeo = f"verb=$1; shift; [ $verb = login ] && to= || to=dest-; exec {need('skopeo')} $verb"
    scripts = {"apt-get": "exit 0", "sudo": "exit 0", "skopeo": skopeo + ' --${to}tls-verify=false "$@"'}
    for name, script in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    return folder


class TestWorkflow:
    def test_its_steps_release_a_version_once_for_each_commit(
        self, project: Path, registry: RealRegistry, runner: Runner, stack: Stack
    ) -> None:
        jobs = yaml.safe_load((project / ".github" / "workflows" / "ci.yml").read_text())["jobs"]
        runner.job(jobs["check"])
        runner.job(jobs["release"])
        runner.step(jobs["release"]["steps"][-1], jobs["release"]["env"])  # GitHub runs a failed job again.

        assert runner.ran[:3] == ["make lint", "make test", jobs["release"]["steps"][2]["run"]]
        manifest = {"Accept": "application/vnd.oci.image.manifest.v1+json"}
        pushed = httpx.head(f"http://{registry.host}/v2/models/churn/manifests/{COMMIT}", headers=manifest)
        assert pushed.status_code == 200
        (version,) = stack.get("/api/v1/ml/registry/models/churn/versions")["versions"]
        assert (version["version"], version["stage"]) == (1, "staging")
        assert version["metrics"]["accuracy"] >= 0.93
        assert version["tags"]["git.commit"] == COMMIT
        assert version["tags"]["ci.run"] == RUN
        assert version["tags"]["image"] == f"{registry.host}/models/churn@{pushed.headers['docker-content-digest']}"
        assert "://" not in (project / "requirements.txt").read_text()
        assert "--hash=sha256:" in (project / "requirements.txt").read_text()
