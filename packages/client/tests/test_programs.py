"""Scripts and projects as they lie on this machine: which files are sent, under which digest, with which facts."""

import io
import subprocess
import tarfile
from pathlib import Path

import pytest
from modelyard_standin import StandIn

from modelyard_client import Client, Program
from modelyard_client.errors import Invalid
from modelyard_client.project_files import project_files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project: a script, a module, a little data, and things that do not belong to it."""
    folder = tmp_path / "churn_model"
    files = {
        "train.py": "import features\n",
        "features/__init__.py": "",
        "rows.csv": "a\n1\n",
        "requirements.txt": "pandas==3.1.1\n",
        ".gitignore": "*.log\n/data/\n!keep.log\n",
        "debug.log": "",
        "keep.log": "",
        "data/large.bin": "",
        "features/.gitignore": "scratch.*\n",
        "features/scratch.py": "",
        ".git/config": "",
        "__pycache__/train.pyc": "",
        ".venv/pyvenv.cfg": "",
        ".venv/lib/a.py": "",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def names(folder: Path) -> list[str]:
    return [name for name, _ in project_files(folder)]


class TestProjectFiles:
    def test_what_git_ignores_stays_here(self, folder: Path) -> None:
        assert names(folder) == [
            ".gitignore",
            "features/.gitignore",
            "features/__init__.py",
            "keep.log",
            "requirements.txt",
            "rows.csv",
            "train.py",
        ]

    def test_what_the_repository_above_ignores_stays_here_too(self, folder: Path) -> None:
        (folder.parent / ".git").mkdir()
        (folder / ".git" / "config").unlink()
        (folder / ".git").rmdir()
        (folder.parent / ".gitignore").write_text("*.csv\n")

        assert "rows.csv" not in names(folder)

    def test_a_link_is_refused_by_name(self, folder: Path) -> None:
        (folder / "passwords").symlink_to("/etc/passwd")

        with pytest.raises(Invalid, match="passwords: expected files and folders only"):
            project_files(folder)

    def test_a_link_that_is_ignored_is_none(self, folder: Path) -> None:
        (folder / "latest.log").symlink_to("/etc/passwd")

        assert "latest.log" not in names(folder)


class TestProjects:
    def test_the_same_files_are_the_same_archive(self, folder: Path, tmp_path: Path) -> None:
        first = Program.load(folder).archive
        (folder / "debug.log").write_text("more")
        (folder / "train.py").touch()
        assert first is not None
        assert Program.load(folder).archive == first
        with tarfile.open(fileobj=io.BytesIO(b"".join(first.content()))) as tar:
            assert tar.getnames() == names(folder)

        (folder / "rows.csv").write_text("a\n2\n")
        assert Program.load(folder).archive != first

    def test_its_name_and_needs_come_from_its_files(self, folder: Path) -> None:
        program = Program.load(folder)

        assert (program.model_name, program.script_name) == ("churn-model", "train.py")
        assert program.needs.requirements == ("pandas==3.1.1",)

    def test_its_settings_say_what_the_command_line_does_not(self, folder: Path) -> None:
        (folder / "pyproject.toml").write_text(
            '[tool.modelyard]\nentry = "features/fit.py"\nname = "churn"\narguments = ["--epochs", "3"]\n'
            'environment = { REGION = "eu" }\nsecrets = ["API_KEY"]\ntimeout-seconds = 60\nlogged-model = "best"\n'
        )
        (folder / "features" / "fit.py").write_text("print()")
        settings = Program.load(folder).settings

        assert (settings.arguments, settings.environment) == (("--epochs", "3"), {"REGION": "eu"})
        assert (settings.secrets, settings.timeout_seconds, settings.logged_model) == (("API_KEY",), 60, "best")
        assert Program.load(folder).script_name == "features/fit.py"

    @pytest.mark.parametrize(
        ("setting", "reported"),
        [
            ("script = 'train.py'", "script is unknown"),
            ("arguments = '--epochs 3'", "arguments: expected a list of texts"),
            ("environment = { A = 1 }", "environment: expected a table of texts"),
            ("entry = '../train.py'", "expected the script ../train.py in it"),
            ("entry = 'train.ipynb'", "expected the script train.ipynb in it"),
        ],
    )
    def test_a_setting_that_cannot_be_honoured_is_refused(self, folder: Path, setting: str, reported: str) -> None:
        (folder / "pyproject.toml").write_text(f"[tool.modelyard]\n{setting}\n")

        with pytest.raises(Invalid, match=reported):
            Program.load(folder)

    def test_a_script_that_git_ignores_is_reported(self, folder: Path) -> None:
        (folder / ".gitignore").write_text("train.py\n")

        with pytest.raises(Invalid, match=r"\.gitignore excludes the script train\.py"):
            Program.load(folder)

    def test_commit_and_changes_are_reported(self, folder: Path) -> None:
        def git(*arguments: str) -> None:
            identity = ("-c", "user.name=a", "-c", "user.email=a@example.com")
            subprocess.run(["git", "-C", folder, *identity, *arguments], check=True, capture_output=True)

        (folder / ".git" / "config").unlink()
        assert Program.load(folder).git is None
        git("init")
        git("add", ".")
        git("commit", "-m", "first")
        clean = Program.load(folder).git
        (folder / "rows.csv").write_text("a\n2\n")
        dirty = Program.load(folder).git

        assert clean is not None
        assert dirty is not None
        assert (len(clean.commit), clean.is_dirty) == (40, False)
        assert (dirty.commit, dirty.is_dirty) == (clean.commit, True)


class TestScripts:
    def test_files_go_beside_the_script(self, folder: Path, tmp_path: Path) -> None:
        (tmp_path / "more.csv").write_text("b\n")
        program = Program.load(folder / "train.py", files=[tmp_path / "more.csv", folder / "features"])

        assert program.archive is not None
        assert program.archive.names == {"train.py", "more.csv", "features/.gitignore", "features/__init__.py"}

    def test_requirements_beside_it_count(self, folder: Path) -> None:
        assert Program.load(folder / "train.py").body()["requirements"] == ["pandas==3.1.1"]

    def test_a_file_that_is_no_notebook_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "train.ipynb").write_text("{}")

        with pytest.raises(Invalid, match=r"train\.ipynb: expected a notebook with `nbformat` 4"):
            Program.load(tmp_path / "train.ipynb")


class TestSending:
    def test_a_project_is_sent_before_it_is_named(self, folder: Path, standin: StandIn, client: Client) -> None:
        arrived: list[tuple[int, int]] = []
        program = Program.load(folder)
        assert program.archive is not None
        client.training.submit(
            program, arguments=["--epochs", "3"], progress=lambda sent, size: arrived.append((sent, size))
        )

        announced, sent, submitted = standin.seen
        assert announced.json == {"sha256": program.archive.sha256, "size_bytes": program.archive.size}
        assert (sent.method, sent.path) == ("PUT", f"/mlops/projects/{program.archive.sha256}")
        assert arrived[-1] == (program.archive.size, program.archive.size)
        assert submitted.json["project"] == program.archive.sha256
        assert (submitted.json["model_name"], submitted.json["arguments"]) == ("churn-model", ["--epochs", "3"])
        assert "script_content" not in submitted.json

    def test_secrets_that_a_project_names_come_from_here(
        self, folder: Path, standin: StandIn, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (folder / "pyproject.toml").write_text('[tool.modelyard]\nsecrets = ["API_KEY"]\n')
        with pytest.raises(Invalid, match="API_KEY"):
            client.training.submit(folder)
        monkeypatch.setenv("API_KEY", "value")
        client.training.submit(folder)

        assert standin.seen[-1].json["secrets"] == {"API_KEY": "value"}
