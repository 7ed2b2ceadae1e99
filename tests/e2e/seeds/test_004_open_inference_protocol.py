"""The document of the Open Inference Protocol: its table of endpoints, on a deployed model, and the model's project."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml
from tests.e2e.stack import Json, Stack

TENSORS = [
    {"name": "feature1", "shape": [3], "datatype": "INT64", "data": [1, 2, 3]},
    {"name": "feature2", "shape": [3], "datatype": "INT64", "data": [4, 5, 6]},
]


@pytest.fixture(scope="module")
def model(my_model: Json) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=my_model["deployment_url"], timeout=60) as client:
        yield client


class TestEndpoints:
    @pytest.mark.parametrize("path", ["v2/health/ready", "v2/health/live", "v2/models/my_model/ready"])
    def test_health_serves_as_a_probe(self, model: httpx.Client, path: str) -> None:
        assert model.get(path).status_code == 200

    def test_the_server_tells_of_itself(self, model: httpx.Client) -> None:
        assert model.get("v2").json().keys() >= {"name", "version", "extensions"}

    @pytest.mark.parametrize("version", ["", "/versions/1"])
    def test_the_model_tells_of_itself(self, model: httpx.Client, version: str) -> None:
        metadata = model.get(f"v2/models/my_model{version}").json()
        assert (metadata["name"], metadata["versions"]) == ("my_model", ["1"])
        assert [tensor["name"] for tensor in metadata["inputs"]] == ["feature1", "feature2"]
        assert model.get(f"v2/models/my_model{version}/ready").status_code == 200

    @pytest.mark.parametrize("version", ["", "/versions/1"])
    def test_it_infers(self, model: httpx.Client, version: str) -> None:
        answer = model.post(f"v2/models/my_model{version}/infer", json={"inputs": TENSORS})
        assert answer.status_code == 200, answer.text
        reported = answer.json()
        assert (reported["model_name"], reported["model_version"]) == ("my_model", "1")
        assert reported["outputs"][0]["data"] == [0, 1, 1]

    def test_its_document_describes_it(self, model: httpx.Client) -> None:
        assert model.get("docs").headers["content-type"].startswith("text/html")
        assert "/v2/models/my_model/infer" in model.get("openapi.json").json()["paths"]


def test_a_user_gets_a_project_from_a_template(platform: Stack, tmp_path: Path) -> None:
    """Linting, tests, hooks, an image that is built and pushed, GitHub Actions; what they do is run elsewhere
    (`tests/e2e/test_new_project.py`)."""
    folder = tmp_path / "my-project"
    platform.run("new", str(folder))
    hooks = yaml.safe_load((folder / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    assert [hook["id"] for hook in hooks] == ["ruff", "ruff-format", "mypy"]
    jobs = yaml.safe_load((folder / ".github" / "workflows" / "ci.yml").read_text())["jobs"]
    steps = " ".join(step.get("run", "") for job in jobs.values() for step in job["steps"])
    for verb in ("lint", "test", "image", "push", "register"):
        assert f"make {verb}" in steps
    planned = subprocess.run(
        ["make", "--dry-run", "lint", "test", "image", "push", "run"], cwd=folder, capture_output=True, check=False
    )
    assert planned.returncode == 0, planned.stderr
