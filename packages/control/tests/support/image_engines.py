"""Registries and engines that nobody here wrote: Debian's docker-registry, skopeo, umoci and dockerd."""

import fcntl
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest
from own_bridges import own_bridge
from ports import find_free_port

ENGINE_START_SECONDS = 120
"""How long a dockerd may take to answer: 1 s, or many on a machine that does much else."""
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


@contextmanager
def real_dockerd(folder: Path) -> Iterator[list[str]]:
    """A dockerd of our own; gives the command `docker` that talks to it. It needs root.

    Where it is installed and may have a bridge, it must start: a test that is skipped for a slow machine is lost.
    """
    program, client = need("dockerd"), need("docker")
    if os.geteuid() != 0:
        pytest.skip("dockerd needs root")
    socket = f"unix://{folder}/docker.sock"
    docker = [client, "--host", socket]
    options = ["--iptables=false", "--ip6tables=false", f"--host={socket}", f"--pidfile={folder}/docker.pid"]
    log = folder / "dockerd.log"
    with log.open("wb") as output, _without_mounts(folder), own_bridge() as bridge, ExitStack() as started:
        with one_engine_starts():
            # The last one works on every file system, and copies each layer. An engine that gave up waiting for its
            # containerd leaves it behind, with the locks of its folders: the next one gets others.
            for number, driver in enumerate(("overlay2", "overlay2", "overlay2", "vfs")):
                place = folder / str(number)
                folders = [f"--data-root={place}/data", f"--exec-root={place}/exec"]
                command = [program, *options, *folders, f"--bridge={bridge}", f"--storage-driver={driver}"]
                with ExitStack() as tried:
                    tried.callback(_end_containerd, place)
                    if _answers(docker, tried.enter_context(running(command, output))):
                        started.push(tried.pop_all())
                        break
            else:
                pytest.fail(f"dockerd does not start:\n{log.read_text()[-4000:]}")
        yield docker


def _end_containerd(place: Path) -> None:
    """End the containerd that an engine has left behind, if it has."""
    try:
        process = psutil.Process(int((place / "exec" / "containerd" / "containerd.pid").read_text()))
        if str(place) in " ".join(process.cmdline()):
            process.kill()
            process.wait(10)
    except (OSError, ValueError, psutil.Error):
        return


@contextmanager
def one_engine_starts() -> Iterator[None]:
    """Of the processes that share the tests one starts an engine at a time: an engine ends itself when its containerd
    needs more than 15 s, as it may beside others."""
    with (Path(tempfile.gettempdir()) / "modelyard-tests-dockerd.lock").open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _answers(docker: Sequence[str], engine: subprocess.Popen[bytes]) -> bool:
    """Whether an engine comes up."""
    deadline = time.monotonic() + ENGINE_START_SECONDS
    while engine.poll() is None and time.monotonic() < deadline:
        if subprocess.run([*docker, "version"], capture_output=True, check=False).returncode == 0:
            return True
        time.sleep(0.2)
    return False


@contextmanager
def _without_mounts(folder: Path) -> Iterator[None]:
    """Takes away, at the end, what an engine leaves mounted below its folder: the folder could not be removed."""
    try:
        yield
    finally:
        mounted = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
        for place in reversed([one for one in mounted if Path(one).is_relative_to(folder)]):
            subprocess.run([need("umount"), "--lazy", place], check=False)
