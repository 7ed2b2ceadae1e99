"""A bundle on disk: whole or not there, and named file by file."""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from modelyard.packaging.bundle_writer import BundleFacts, write_bundle
from modelyard.packaging.plan import ServingPlan
from modelyard.ports.environments import Lock

FACTS = BundleFacts("breast-cancer", 3, "run-1", "models:/m-1", datetime(2026, 11, 21, 10, tzinfo=UTC))
PLAN = ServingPlan(runtime="sklearn", server_extras=("sklearn",), requirements=())
LOCK = Lock(text="numpy==2.4.6 \\\n    --hash=sha256:00\n", digest="d" * 64)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "build" / "model"
    (folder / "data").mkdir(parents=True)
    info = {"artifact_path": "input_example.json"}
    (folder / "MLmodel").write_text(json.dumps({"flavors": {"sklearn": {}}, "saved_input_example_info": info}))
    (folder / "input_example.json").write_text('{"inputs": [[1.0]]}')
    (folder / "data" / "model.pkl").write_bytes(b"\x00\x01")
    return folder


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "3"


def write(model: Path, place: Path) -> None:
    write_bundle(model, place, facts=FACTS, plan=PLAN, lock=LOCK)


class TestBundleWriter:
    def test_a_bundle_says_what_it_is(self, model: Path, place: Path) -> None:
        write(model, place)

        assert json.loads((place / "bundle.json").read_text()) == {
            "schema": "modelyard.bundle/1",
            "model": {"name": "breast-cancer", "version": "3", "run_id": "run-1", "mlflow_uri": "models:/m-1"},
            "runtime": "sklearn",
            "source": "model",
            "created_at": "2026-11-21T10:00:00+00:00",
        }

    def test_it_holds_the_models_files_the_lock_and_the_example(self, model: Path, place: Path) -> None:
        write(model, place)

        assert (place / "model" / "data" / "model.pkl").read_bytes() == b"\x00\x01"
        assert (place / "requirements.txt").read_text() == LOCK.text
        assert json.loads((place / "example.json").read_text()) == {"inputs": [[1.0]]}

    def test_a_model_without_an_example_has_no_example_file(self, model: Path, place: Path) -> None:
        (model / "MLmodel").write_text("flavors: {sklearn: {}}\n")

        write(model, place)

        assert not (place / "example.json").exists()

    def test_the_manifest_names_every_file_but_itself_with_its_hash(self, model: Path, place: Path) -> None:
        write(model, place)

        manifest = json.loads((place / "manifest.json").read_text())
        files = sorted(path for path in place.rglob("*") if path.is_file() and path.name != "manifest.json")
        assert manifest["algorithm"] == "sha256"
        assert manifest["files"] == {
            path.relative_to(place).as_posix(): {
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
                "size": path.stat().st_size,
            }
            for path in files
        }
        assert list(manifest["files"]) == sorted(manifest["files"])

    def test_the_same_version_gives_the_same_bytes(self, model: Path, place: Path, tmp_path: Path) -> None:
        write(model, place)
        first = (place / "manifest.json").read_bytes()
        (place / "model").rename(tmp_path / "again")

        write(tmp_path / "again", place)

        assert (place / "manifest.json").read_bytes() == first

    def test_what_a_build_that_was_cut_off_left_is_replaced(self, model: Path, place: Path) -> None:
        place.mkdir()
        (place / "half").write_text("half")

        write(model, place)

        assert not (place / "half").exists()

    def test_a_write_that_fails_leaves_nothing(self, model: Path, place: Path) -> None:
        place.write_text("Not a folder, so that nothing can be renamed to it.")

        with pytest.raises(NotADirectoryError):
            write(model, place)

        assert sorted(path.name for path in place.parent.iterdir()) == ["3", "build"]
