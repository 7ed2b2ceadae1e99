"""Registries and programs that nobody here wrote: Debian's docker-registry, skopeo and umoci."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from ports import find_free_port

_CONFIG = """\
version: 0.1
log: {{level: error, accesslog: {{disabled: false}}}}
storage:
  filesystem: {{rootdirectory: {folder}/data}}
  delete: {{enabled: {deletes}}}
  maintenance: {{uploadpurging: {{enabled: false}}}}
http: {{addr: "127.0.0.1:{port}", secret: for-tests}}
{auth}
"""


@dataclass(frozen=True)
class RealRegistry:
    """A docker-registry that runs, and its log of requests."""

    host: str
    log: Path

    def requests(self, method: str) -> list[str]:
        """The lines of the log of this method."""
        return [line for line in self.log.read_text().splitlines() if f'"{method} ' in line]

    def stored_bytes(self) -> int:
        """How many bytes all its blobs and manifests have, each counted once."""
        return sum(path.stat().st_size for path in self.log.parent.glob("data/docker/registry/v2/blobs/**/data"))


def need(program: str) -> str:
    """The path of a program; the test is skipped by its name where it is missing."""
    found = shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if found is None:
        pytest.skip(f"{program} is not installed (Debian has it)")
    return found


def run(*command: str) -> str:
    """The output of a command that must succeed."""
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert result.returncode == 0, f"{command}: {result.stdout}{result.stderr}"
    return result.stdout


@contextmanager
def real_registry(folder: Path, *, deletes: bool = True, htpasswd: str | None = None) -> Iterator[RealRegistry]:
    """Debian's docker-registry on a free port; with `htpasswd` it asks for a user and a password."""
    program = need("docker-registry")
    port = find_free_port()
    folder.mkdir(parents=True, exist_ok=True)
    auth = ""
    if htpasswd is not None:
        (folder / "htpasswd").write_text(htpasswd)
        auth = f"auth: {{htpasswd: {{realm: tests, path: {folder}/htpasswd}}}}"
    config = _CONFIG.format(folder=folder, port=port, deletes=str(deletes).lower(), auth=auth)
    (folder / "config.yml").write_text(config)
    with (
        (folder / "log").open("wb") as log,
        running([program, "serve", str(folder / "config.yml")], log),
    ):
        wait_for(lambda: httpx.get(f"http://127.0.0.1:{port}/v2/").status_code in {200, 401}, what="docker-registry")
        yield RealRegistry(f"127.0.0.1:{port}", folder / "log")


@contextmanager
def running(command: Sequence[str], log: object) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is ended with the block."""
    process = subprocess.Popen(command, stdout=log, stderr=log)  # type: ignore[call-overload]  # A file of ours.
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for(fact: Callable[[], bool], *, what: str, seconds: float = 30) -> None:
    """Wait until a process answers."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if fact():
                return
        except (httpx.HTTPError, OSError, subprocess.SubprocessError):
            pass
        assert time.monotonic() < deadline, f"{what} did not come up in {seconds} s"
        time.sleep(0.05)
