"""A home on a small disk that is filled to its last byte, and emptied again: nothing hangs, nothing is started anew."""

import errno
import hashlib
import io
import os
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from ports import find_free_port
from tests.e2e.stack import Stack, wait_for

pytestmark = pytest.mark.e2e

MIB = 1024 * 1024
SIZE = 300 * MIB
MODEL = {"MLmodel": b"flavors: {python_function: {loader_module: mlflow.sklearn}}\n"}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 300 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "modelyard-test", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("needs the right to mount a file system")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True, capture_output=True)


@pytest.fixture
def stack(small_disk: Path) -> Iterator[Stack]:
    port, mlflow_port = find_free_port(), find_free_port()
    # To open an uploaded model takes an environment, for which this disk is too small.
    settings = {"MODELYARD_OPEN_MODELS": "false"}
    stack = Stack(home=small_disk / "home", port=port, mlflow_port=mlflow_port, settings=settings)
    with stack.running():
        yield stack
        (small_disk / "filler").unlink(missing_ok=True)


def fill(disk: Path, *, leaving: int = 0) -> Path:
    """Take what is free, but for so many bytes, while others write."""
    filler = disk / "filler"
    with filler.open("ab") as file:
        while True:
            found = os.statvfs(disk)
            size = filler.stat().st_size + found.f_bavail * found.f_frsize - leaving
            try:
                os.posix_fallocate(file.fileno(), 0, size)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                continue  # Somebody took some of it in between.
            return filler


def archive(size: int) -> bytes:
    """A model whose files have this size, packed as bytes that pack badly."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as content:
        for name, data in MODEL.items():
            content.writestr(name, data)
        content.writestr("weights.bin", os.urandom(1024) * (size // 1024))
    return packed.getvalue()


def begin(stack: Stack, content: bytes, name: str) -> httpx.Response:
    declared = {"size_bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    return stack.api.post("/api/v1/ml/registry/uploads", json={"name": name, "file_name": "m.zip", **declared})


def register(stack: Stack, content: bytes, name: str) -> str:
    """Upload an archive; the job that registers it."""
    begun = begin(stack, content, name)
    assert begun.status_code == 201, begun.text
    place = f"/api/v1/ml/registry/uploads/{begun.json()['upload_id']}"
    headers = {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    assert stack.api.patch(place, content=content, headers=headers).status_code in {200, 204}
    submitted = stack.api.post(f"{place}/finish")
    assert submitted.status_code == 202, submitted.text
    return str(submitted.json()["job_id"])


def readiness(stack: Stack) -> tuple[int, str]:
    answer = stack.api.get("/health/ready")
    return answer.status_code, answer.json().get("reason", "")


class TestAFullDisk:
    def test_fails_what_takes_space_and_lets_all_go_on_when_there_is_some(self, stack: Stack, small_disk: Path) -> None:
        # More than is there: refused by what it declares, its files gone.
        fill(small_disk, leaving=80 * MIB)
        job = stack.ended(register(stack, archive(120 * MIB), "large"))
        assert job["status"] == "failed"
        assert "disk full: unpacking the archive needs 120" in job["error"]["message"]
        assert [path.name for path in (stack.home / "uploads").iterdir()] == []

        # Full to the last byte: what takes space is refused, and readiness says why.
        filler = fill(small_disk)
        wait_for(lambda: readiness(stack)[0] == 503, timeout=20, what=lambda: "no readiness")
        _, reason = readiness(stack)
        assert reason.startswith("disk full: needs 15.0 MiB free")
        refused = begin(stack, archive(MIB), "small")
        assert (refused.status_code, refused.json()["code"]) == (507, "disk_full")
        # With the reserve given up, what is written down is still written.
        noted = wait_for(lambda: _note(stack), timeout=20, what=lambda: "a change that is written")
        assert noted.status_code == 201
        trained = stack.api.post("/mlops/training/upload", json={"script_name": "t.py", "script_content": "pass"})
        assert trained.status_code == 202, trained.text
        ended = stack.ended(trained.json()["job_id"])
        assert "disk full" in ended["error"]["message"]

        # Also with the reserve eaten up it stops, says what it needs to start, and starts when it has that.
        fill(small_disk)
        stack.down()
        refused_up = stack.run("up", "--detach", check=False)
        assert refused_up.returncode != 0
        assert "disk full: needs 15.0 MiB free" in refused_up.stderr
        filler.unlink()
        stack.up()
        assert readiness(stack) == (200, "")

        # Filled and emptied while it runs: nothing is started again, and work goes on.
        fill(small_disk)
        wait_for(lambda: readiness(stack)[0] == 503, timeout=20, what=lambda: "no readiness")
        filler.unlink()
        wait_for(lambda: readiness(stack)[0] == 200, timeout=20, what=lambda: "readiness")
        assert stack.ended(register(stack, archive(MIB), "small"))["status"] == "succeeded"
        wait_for((stack.home / "reserve").exists, timeout=20, what=lambda: "the reserve")


def _note(stack: Stack) -> httpx.Response | None:
    answer = stack.api.post("/api/v1/access/members", json={"subject": "bert", "role": "viewer"})
    return answer if answer.status_code == 201 else None
