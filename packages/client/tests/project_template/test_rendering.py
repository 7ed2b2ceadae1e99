"""What is rendered, for every kind: code that passes the project's own rules, and files that tools can read."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path, PurePosixPath

import pytest
import yaml

from modelyard_client.project_template import Answers, Kind, render_project, write_project

BIN = Path(sys.executable).parent
UV_LOCK = Path(__file__).parents[4] / "requirements" / "uv.txt"
LONGEST = "Z" + "9" * 62


@pytest.fixture(scope="module", params=list(Kind))
def project(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp(request.param) / LONGEST
    write_project(folder, render_project(Answers(kind=request.param, name=LONGEST)))
    return folder


class TestProjects:
    def test_its_code_passes_its_own_lint_and_format(self, project: Path) -> None:
        check(project, "ruff", "check", "--no-cache", ".")
        check(project, "ruff", "format", "--no-cache", "--check", ".")

    def test_its_code_passes_its_own_types(self, project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
        check(project, "mypy", "--cache-dir", str(tmp_path_factory.getbasetemp() / "mypy"), ".")

    def test_its_shell_scripts_parse(self, project: Path) -> None:
        subprocess.run(["bash", "-n", str(project / "tools" / "image.sh")], check=True)

    def test_the_token_of_its_own_modelyard_is_in_no_log(self, project: Path) -> None:
        lines = (project / "tools" / "image.sh").read_text().splitlines()
        (started,) = [line for line in lines if line.startswith("modelyard up ")]
        assert ">/dev/null" in started

    def test_tools_read_its_files(self, project: Path) -> None:
        assert tomllib.loads((project / "pyproject.toml").read_text())["tool"]["modelyard"]["name"] == LONGEST
        workflow = yaml.safe_load((project / ".github" / "workflows" / "ci.yml").read_text())
        assert workflow["jobs"].keys() == {"check", "release"}
        assert yaml.safe_load((project / ".pre-commit-config.yaml").read_text())["repos"]
        for notebook in project.glob("*.ipynb"):
            assert json.loads(notebook.read_text())["nbformat"] == 4

    def test_no_mark_of_a_template_is_left(self, project: Path) -> None:
        for path in project.rglob("*"):
            if path.is_file():
                assert "<%" not in path.read_text()

    def test_no_step_of_the_workflow_has_an_expression_within_its_shell(self, project: Path) -> None:
        workflow = yaml.safe_load((project / ".github" / "workflows" / "ci.yml").read_text())
        steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
        assert not [step["run"] for step in steps if "${{" in step.get("run", "")]


class TestLockOfUv:
    def test_it_is_the_one_that_modelyard_itself_is_made_with(self) -> None:
        rendered = render_project(Answers(kind=Kind.SKLEARN, name="churn"))
        assert rendered[PurePosixPath("requirements/uv.txt")] == UV_LOCK.read_text()


def check(folder: Path, tool: str, *arguments: str) -> None:
    done = subprocess.run([BIN / tool, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
