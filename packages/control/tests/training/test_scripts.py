"""What somebody may send to be trained: read from the request and its files, or refused at the door by its field."""

from pathlib import Path
from typing import Any

import pytest

from modelyard.errors import Invalid
from modelyard.training.scripts import GitState, Script, request_of

HASH = f"--hash=sha256:{'a' * 64}"


def request(project: Path | None = None, **fields: Any) -> dict[str, Any]:
    given: dict[str, Any] = {"script_name": "train.py", "script_content": "print()", "requirements": None}
    if project is not None:
        given |= {"script_content": None, "project": "a" * 64}
    return request_of(Script(**(given | fields)), project)


def refusal(project: Path | None = None, **fields: Any) -> Invalid:
    with pytest.raises(Invalid) as caught:
        request(project, **fields)
    return caught.value


class TestWhatAScriptNeeds:
    def test_its_own_block_counts_when_nothing_is_said(self) -> None:
        block = "# /// script\n# requires-python = '>=3.11'\n# dependencies = ['numpy']\n# ///\nprint()"
        kept = request(script_content=block)

        assert (kept["requirements"], kept["requires_python"]) == (["numpy"], ">=3.11")

    def test_the_python_of_its_block_counts_also_where_requirements_are_given(self) -> None:
        block = "# /// script\n# requires-python = '>=3.11'\n# ///\nprint()"
        kept = request(script_content=block, requirements=["pandas"], requires_python="<4")

        assert (kept["requirements"], kept["requires_python"]) == (["pandas"], "<4,>=3.11")

    def test_hashes_are_kept_with_what_is_pinned(self) -> None:
        assert request(requirements=[f"numpy==1.26.4 {HASH}"])["requirements"] == [f"numpy==1.26.4 {HASH}"]

    @pytest.mark.parametrize(
        "line", [f"numpy>=1 {HASH}", "numpy==1 --hash=md5:a", "numpy --hash=", f"numpy {HASH} -e ."]
    )
    def test_hashes_of_what_is_not_pinned_or_are_none_are_refused(self, line: str) -> None:
        assert refusal(requirements=["a", line]).field == "requirements.1"

    def test_an_index_in_its_block_is_refused_at_the_door(self) -> None:
        block = "# /// script\n# [[tool.uv.index]]\n# url = 'https://a.example'\n# ///\n"

        assert "names where packages come from" in refusal(script_content=block).message

    def test_versions_of_python_that_are_none_are_refused(self) -> None:
        assert refusal(requires_python="three").field == "requires_python"

    def test_files_of_a_project_count(self, tmp_path: Path) -> None:
        (tmp_path / "train.py").write_text("print()")
        (tmp_path / "requirements.txt").write_text("-c held.txt\npandas")
        (tmp_path / "held.txt").write_text("numpy<3")

        kept = request(tmp_path)

        assert (kept["requirements"], kept["constraints"]) == (["pandas"], ["numpy<3"])

    @pytest.mark.parametrize("line", ["-r ../outside.txt", "--extra-index-url https://a.example", "-e ."])
    def test_what_leaves_a_project_or_names_an_index_is_refused(self, tmp_path: Path, line: str) -> None:
        project = tmp_path / "project"
        project.mkdir()
        (tmp_path / "outside.txt").write_text("secret")
        (project / "train.py").write_text("print()")
        (project / "requirements.txt").write_text(line)

        assert refusal(project).message.startswith("requirements.txt, line 1")


class TestWhichScript:
    def test_train_py_is_a_projects_script_unless_another_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "train.py").write_text("print()")

        assert request(tmp_path, script_name=None)["script_name"] == "train.py"

    @pytest.mark.parametrize("name", ["fit.py", "../train.py", "/etc/hosts.py", "src", "requirements.txt"])
    def test_one_that_is_not_in_the_project_is_refused(self, tmp_path: Path, name: str) -> None:
        project = tmp_path / "project"
        project.mkdir()
        (tmp_path / "train.py").write_text("print()")
        (project / "requirements.txt").write_text("")

        assert refusal(project, script_name=name).code == "script_name_invalid"

    def test_a_project_and_a_text_are_one_too_many(self, tmp_path: Path) -> None:
        assert refusal(tmp_path, script_content="print()").field == "script_content"


class TestVariables:
    @pytest.mark.parametrize("field", ["environment", "secrets"])
    @pytest.mark.parametrize(
        "name",
        [
            *(
                "PATH",
                "PYTHONPATH",
                "LD_PRELOAD",
                "MODELYARD_TOKEN",
                "MLFLOW_TRACKING_URI",
                "MLFLOW_RUN_ID",
                "UV_INDEX",
            ),
            *("MLFLOW_TRACKING_TOKEN", "HOME"),
        ],
    )
    def test_names_of_the_platforms_own_are_refused(self, field: str, name: str) -> None:
        refused = refusal(None, **{field: {name: "a value"}})

        assert (refused.code, refused.field) == ("environment_reserved", f"{field}.{name}")

    @pytest.mark.parametrize("name", ["", "1A", "A-B", "A=B", "A\0", "Ä", "A" * 129])
    def test_names_that_are_none_are_refused(self, name: str) -> None:
        assert refusal(environment={name: "b"}).code == "environment_invalid"

    def test_what_is_common_is_taken(self) -> None:
        kept = request(environment={"OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": "9"})

        assert sorted(kept["environment"]) == ["MLFLOW_HTTP_REQUEST_TIMEOUT", "OMP_NUM_THREADS", "PYTHONHASHSEED"]

    def test_no_refusal_holds_a_secret(self) -> None:
        value = "hunter2hunter2"

        assert value not in refusal(secrets={"A-B": value}).message
        assert value not in refusal(secrets={"A": value}, environment={"A": "b"}).message
        assert "abc" not in refusal(secrets={"A": "abc"}).message.partition(":")[2]

    def test_only_the_names_of_secrets_are_kept(self) -> None:
        kept = request(secrets={"B": "value of b", "A": "value of a"})

        assert kept["secrets"] == ["A", "B"]
        assert "value" not in str(kept)

    @pytest.mark.parametrize(
        "fields",
        [
            {"arguments": ["a"] * 1001},
            {"arguments": ["a" * 40_000]},
            {"environment": {f"A{n}": "" for n in range(101)}},
            {"secrets": {"A": "a" * 40_000}},
        ],
    )
    def test_too_much_is_refused(self, fields: dict[str, Any]) -> None:
        assert "expected at most" in refusal(**fields).message

    def test_a_commit_that_is_none_is_refused(self) -> None:
        assert refusal(git=GitState(commit="main", is_dirty=False)).field == "git.commit"
