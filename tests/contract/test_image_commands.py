"""`modelyard images` against the real application over real HTTP, and `images base` on its home."""

import json
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from access_platform import Platform
from image_engines import need
from oci_parts import make_root

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def base(run: Run, platform: Platform, tmp_path: Path) -> Any:
    """A base that was imported beside the running control plane."""
    home = str(tmp_path / "home")
    code, out = run("images", "base", "import", str(make_root(tmp_path / "root")), "--home", home, "-o", "json")
    assert code == 0
    return json.loads(out)


@pytest.fixture
def image(run: Run, platform: Platform, base: Any) -> Any:
    """An image of `iris/1`."""
    platform.operator.post("/mlops/registry", json={"name": "iris", "run_id": platform.log_model()})
    code, out = run("images", "build", "iris/1", "--no-wait", "-o", "json")
    assert code == 0
    platform.engine.run_next()
    assert run("jobs", "show", json.loads(out)["job_id"])[1].count("succeeded") == 1
    return json.loads(run("images", "show", "iris/1", "-o", "json")[1])


class TestImages:
    def test_a_base_is_imported_and_listed(self, run: Run, base: Any, tmp_path: Path) -> None:
        assert (base["name"], base["platform"], base["glibc"]) == ("default", "linux/amd64", "2.36")
        code, out = run("images", "base", "list", "--home", str(tmp_path / "home"), "-o", "json")
        assert (code, json.loads(out)) == (0, {"bases": [base]})

    def test_what_is_no_root_file_system_is_refused(self, run: Run, platform: Platform, tmp_path: Path) -> None:
        (tmp_path / "empty").mkdir()
        home = str(tmp_path / "home")
        assert run("images", "base", "import", str(tmp_path / "empty"), "--home", home)[0] == 2
        assert run("images", "base", "import", str(tmp_path / "empty"), "--name", "A B", "--home", home)[0] == 2

    def test_an_image_is_shown_and_listed(self, run: Run, image: Any) -> None:
        assert (image["state"], image["image_name"]) == ("built", "localhost/modelyard:iris-v1")
        listed = json.loads(run("images", "list", "iris", "-o", "json")[1])["images"]
        assert listed == [image]
        assert image["digest"] in run("images")[1]
        shown = run("images", "show", image["digest"])[1]
        assert all(layer["digest"] in shown for layer in image["layers"])

    def test_an_artifact_becomes_a_version_with_an_image(self, run: Run, platform: Platform, base: Any) -> None:
        run_id = platform.log_model()
        code, _ = run("images", "build", "iris", "--artifact", run_id, "--no-wait")
        assert code == 0
        assert run("versions", "show", "iris/1")[0] == 0

    def test_an_archive_and_a_layout_are_written(self, run: Run, image: Any, tmp_path: Path) -> None:
        archive, layout = tmp_path / "iris.tar", tmp_path / "iris"
        assert run("images", "export", "iris/1", str(archive))[0] == 0
        with tarfile.open(archive) as found:
            assert "manifest.json" in found.getnames()
        assert run("images", "export", image["digest"], str(layout), "--format", "layout")[0] == 0
        command = [need("skopeo"), "inspect", f"oci:{layout}:iris-v1"]
        inspected = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        assert inspected["Digest"] == image["digest"]
        assert run("images", "export", "iris/1", str(layout), "--format", "layout")[0] == 6
        assert [one.name for one in tmp_path.iterdir() if one.name.startswith(".")] == []

    def test_it_is_deleted_by_its_digest(self, run: Run, image: Any) -> None:
        assert run("images", "delete", "iris/1", "--reason", "a test")[0] == 0
        assert run("images", "show", image["digest"])[0] == 3
        code, _ = run("images", "show", "iris/1")
        assert code == 1

    def test_what_cannot_be_pushed_is_refused(self, run: Run, image: Any) -> None:
        assert run("images", "push", "iris/1")[0] == 2
