"""`modelyard new`: what it writes and refuses, and what it says of a newer template."""

import json
from pathlib import Path

import pytest
from cli_run import Run

from modelyard_client.project_template.record import RECORD, digest


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class TestNew:
    def test_the_same_answers_give_the_same_files(self, run: Run, tmp_path: Path) -> None:
        for folder in ("one", "two"):
            ended = run("new", str(tmp_path / folder), "--name", "churn", "--kind", "xgboost")
            assert ended.exit_code == 0, ended.err
        assert files_of(tmp_path / "one") == files_of(tmp_path / "two")
        assert {"train.py", "Makefile", ".github/workflows/ci.yml", RECORD} <= files_of(tmp_path / "one").keys()
        assert (tmp_path / "one" / "tools" / "image.sh").stat().st_mode & 0o111

    def test_the_model_is_called_as_the_folder_is(self, run: Run, tmp_path: Path) -> None:
        ended = run("new", str(tmp_path / "churn"), "--output", "json")
        assert json.loads(ended.out)["answers"] == {
            "kind": "sklearn",
            "name": "churn",
            "registry": None,
            "github": True,
        }

    def test_without_github_there_is_no_workflow(self, run: Run, tmp_path: Path) -> None:
        assert run("new", str(tmp_path / "churn"), "--no-github").exit_code == 0
        assert not [name for name in files_of(tmp_path / "churn") if name.startswith(".github")]

    def test_a_folder_with_something_in_it_is_refused_and_what_is_there_is_named(
        self, run: Run, tmp_path: Path
    ) -> None:
        (tmp_path / "notes.txt").write_text("mine")
        ended = run("new", str(tmp_path), "--name", "churn")
        assert ended.exit_code == 6
        assert ended.err == f"modelyard: {tmp_path} is not empty: there is notes.txt\n"
        assert files_of(tmp_path) == {"notes.txt": b"mine"}

    def test_a_repository_that_was_just_made_is_empty(self, run: Run, tmp_path: Path) -> None:
        (tmp_path / ".git").mkdir()
        assert run("new", str(tmp_path), "--name", "churn").exit_code == 0

    @pytest.mark.parametrize("name", ["", "1st", "a b", "a/b", "$(id)", "a'b", "-rf", "ä", "a" * 64, "a\nb"])
    def test_a_name_that_a_makefile_would_read_is_refused(self, run: Run, tmp_path: Path, name: str) -> None:
        ended = run("new", str(tmp_path / "project"), f"--name={name}")
        assert ended.exit_code == 2
        assert "name: expected 1 to 63 letters" in ended.err
        assert not (tmp_path / "project").exists()

    @pytest.mark.parametrize(
        "registry", ["ghcr.io", "ghcr.io/Owner/name", "ghcr.io/o/n:tag", "https://ghcr.io/o/n", "a/$(id)"]
    )
    def test_what_is_no_repository_is_refused(self, run: Run, tmp_path: Path, registry: str) -> None:
        ended = run("new", str(tmp_path / "project"), "--registry", registry)
        assert ended.exit_code == 2
        assert "registry: expected a repository like ghcr.io/owner/name" in ended.err

    def test_without_a_folder_nothing_is_made(self, run: Run) -> None:
        assert run("new").exit_code == 2


class TestDiff:
    @pytest.fixture
    def project(self, run: Run, tmp_path: Path) -> Path:
        folder = tmp_path / "churn"
        assert run("new", str(folder)).exit_code == 0
        return folder

    def test_the_template_that_made_a_project_changes_nothing_whatever_was_edited(
        self, run: Run, project: Path
    ) -> None:
        (project / "train.py").write_text("mine\n")
        ended = run("new", "--diff", str(project))
        assert (ended.exit_code, ended.out) == (0, "")
        assert "changes nothing" in ended.err

    def test_a_file_that_is_rendered_otherwise_now_is_shown_and_not_touched(self, run: Run, project: Path) -> None:
        made_by_an_older_template(project, "Makefile", "old:\n\ttrue\n")
        before = files_of(project)
        ended = run("new", "--diff", str(project))
        assert ended.out.startswith("--- a/Makefile\n+++ b/Makefile\n@@ ")
        assert "-old:\n" in ended.out
        assert "+NAME := churn\n" in ended.out
        assert ended.err == ""
        assert files_of(project) == before

    def test_edits_in_such_a_file_are_said(self, run: Run, project: Path) -> None:
        made_by_an_older_template(project, "Makefile", "old:\n\ttrue\n")
        (project / "Makefile").write_text("mine:\n")
        found = json.loads(run("new", "--diff", str(project), "--output", "json").out)
        assert [(each["path"], each["is_edited"]) for each in found["changes"]] == [("Makefile", True)]
        assert "take that back too: Makefile" in run("new", "--diff", str(project)).err

    def test_a_new_and_a_removed_file_are_shown(self, run: Run, project: Path) -> None:
        record = json.loads((project / RECORD).read_text())
        del record["files"]["AGENTS.md"]
        (project / "AGENTS.md").unlink()
        record["files"]["setup.cfg"] = digest("[x]\n")
        (project / "setup.cfg").write_text("[x]\n")
        (project / RECORD).write_text(json.dumps(record))
        ended = run("new", "--diff", str(project))
        assert "--- /dev/null\n+++ b/AGENTS.md\n" in ended.out
        assert "--- a/setup.cfg\n+++ /dev/null\n" in ended.out

    def test_a_folder_that_was_not_made_so_is_not_found(self, run: Run, tmp_path: Path) -> None:
        ended = run("new", "--diff", str(tmp_path))
        assert ended.exit_code == 3
        assert RECORD in ended.err

    @pytest.mark.parametrize("text", ["", "[]", "{}", '{"template": "1", "answers": {}, "files": {}}'])
    def test_a_record_that_cannot_be_read_is_refused_in_a_sentence(self, run: Run, project: Path, text: str) -> None:
        (project / RECORD).write_text(text)
        ended = run("new", "--diff", str(project))
        assert ended.exit_code == 2
        assert "expected" in ended.err

    def test_other_answers_are_refused(self, run: Run, project: Path) -> None:
        assert run("new", "--diff", str(project), "--kind", "pyfunc").exit_code == 2


def made_by_an_older_template(project: Path, name: str, text: str) -> None:
    (project / name).write_text(text)
    record = json.loads((project / RECORD).read_text())
    record["files"][name] = digest(text)
    (project / RECORD).write_text(json.dumps(record))
