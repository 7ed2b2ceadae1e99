"""`modelyard versions`, `register` and `models` against the real application over real HTTP."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from access_platform import Platform
from cli_run import known_command

from modelyard_client import Client, Unavailable
from modelyard_client.archive import Source
from modelyard_client.cli import main

Run = Callable[..., tuple[int, str]]
FILES = {
    "MLmodel": b"flavors: {sklearn: {pickled_model: model.pkl}}\n",
    "data/weights.bin": bytes(range(256)) * 1024,
    "metrics.json": b"{}",
}


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with Platform(tmp_path_factory.mktemp("catalogue") / "home") as platform:
        yield platform


@pytest.fixture
def run(platform: Platform, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Runs a command; gives its exit code and what it wrote."""

    def run_command(*arguments: str) -> tuple[int, str]:
        monkeypatch.setenv("MODELYARD_URL", str(platform.at(None).base_url))
        monkeypatch.setenv("MODELYARD_HOME", str(tmp_path / "elsewhere"))
        monkeypatch.setenv("MODELYARD_TOKEN", platform.operator_token)
        monkeypatch.setattr("typer.main.get_command", known_command)
        monkeypatch.setattr(sys, "argv", ["modelyard", *arguments])
        capsys.readouterr()  # What the application wrote to its log before.
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), capsys.readouterr().out

    return run_command


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model's folder on the user's machine."""
    folder = tmp_path / "model"
    for path, content in FILES.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


def registered(run: Run, platform: Platform, name: str, *more: str) -> None:
    code, out = run("register", name, "--run", platform.log_model(), *more, "-o", "json")
    assert (code, json.loads(out)["name"]) == (0, name)


class TestRegister:
    def test_a_folder_is_uploaded_registered_and_comes_back_the_same(
        self, run: Run, platform: Platform, folder: Path, tmp_path: Path
    ) -> None:
        code, out = run(
            "register", "churn", str(folder), "--tag", "team=growth", "--metric", "auc=0.9", "--no-wait", "-o", "json"
        )
        assert code == 0
        platform.engine.run_next()
        job = json.loads(run("jobs", "show", json.loads(out)["job_id"], "-o", "json")[1])
        assert (job["status"], job["model_version"]) == ("succeeded", 1)
        listed = json.loads(run("versions", "artifacts", "churn/1", "-o", "json")[1])["artifacts"]
        assert {each["path"]: each["size_bytes"] for each in listed} == {
            path: len(content) for path, content in FILES.items()
        }
        assert run("versions", "download", "churn/1", "--to", str(tmp_path / "back"))[0] == 0
        back = tmp_path / "back"
        found = {path.relative_to(back).as_posix(): path.read_bytes() for path in back.rglob("*") if path.is_file()}
        assert found == FILES

    def test_an_upload_that_broke_off_goes_on_where_it_was(
        self, platform: Platform, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("modelyard_client.uploads._PIECE", 100_000)
        heard: list[int] = []

        def break_off(received: int, _: int) -> None:
            heard.append(received)
            if received == 200_000:
                raise Unavailable("the cable is cut", code="connection_broken")

        with Client(str(platform.at(None).base_url), platform.operator_token) as client:
            with pytest.raises(Unavailable):
                client.uploads.register("resumed", folder, progress=break_off)
            client.uploads.register("resumed", folder, progress=lambda received, _: heard.append(received))
        size, _ = Source(folder).measure()
        assert heard == [0, 100_000, 200_000, 200_000, size]
        platform.engine.run_next()
        assert platform.operator.get("/api/v1/ml/registry/models/resumed").json()["latest_version"] == 1

    @pytest.mark.parametrize("arguments", [(), ("here", "--run", "x"), ("--run", "x", "--model-uri", "y")])
    def test_one_source_is_named(self, run: Run, arguments: tuple[str, ...]) -> None:
        assert run("register", "churn", *arguments)[0] == 2


class TestVersions:
    def test_they_are_found_shown_and_edited(self, run: Run, platform: Platform) -> None:
        registered(run, platform, "edited", "--metric", "f1=0.5")
        registered(run, platform, "edited", "--metric", "f1=0.9", "--tag", "team=growth")
        found = json.loads(run("versions", "list", "edited", "--metric", "f1>0.6", "-o", "json")[1])["versions"]
        assert [version["version"] for version in found] == [2]
        best = json.loads(run("versions", "list", "edited", "--order=-metrics.f1", "-o", "json")[1])["versions"]
        assert [version["version"] for version in best] == [2, 1]
        change = ("--description", "good", "--tag", "reviewed=yes", "--remove-tag", "team")
        edited = json.loads(run("versions", "edit", "edited/2", *change, "-o", "json")[1])
        assert (edited["description"], edited["tags"]) == ("good", {"reviewed": "yes"})
        assert "reviewed=yes" in run("versions", "show", "edited/2")[1]
        assert run("versions", "show", "edited/9")[0] == 3
        assert run("versions", "download", "edited/2", "no-such-file")[0] == 3


class TestModels:
    def test_they_are_searched_and_edited(self, run: Run, platform: Platform) -> None:
        registered(run, platform, "found", "--metric", "recall=0.8")
        registered(run, platform, "lost", "--metric", "recall=0.2")
        code, out = run("models", "edit", "found", "--owner", "ada", "--tag", "site=ulm", "-o", "json")
        assert (code, json.loads(out)["owners"]) == (0, ["ada"])
        for query in (("--metric", "recall>=0.5"), ("--owner", "ada"), ("--tag", "site=ulm"), ("--text", "foun")):
            found = json.loads(run("models", "list", *query, "-o", "json")[1])["models"]
            assert [model["name"] for model in found] == ["found"], query
        assert run("models", "list", "--metric", "f1")[0] == 2
        assert run("models", "list", "--tag", "site")[0] == 2
