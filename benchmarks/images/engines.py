"""Docker and a registry of the benchmark's own, below its folder: nothing else on the machine is touched."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_REGISTRY = """\
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {folder}}}}}
http: {{addr: "127.0.0.1:{port}", secret: benchmark}}
"""
_PATH = f"{os.environ['PATH']}:/usr/sbin:/sbin"


def run(*command: str, folder: Path | None = None) -> str:
    """The output of a command that must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command[:4])} … failed: {done.stderr[-2000:]}")
    return done.stdout


@contextmanager
def registry(folder: Path) -> Iterator[str]:
    """Debian's docker-registry; its host with its port."""
    folder.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = folder / "config.yml"
    config.write_text(_REGISTRY.format(folder=folder / "data", port=port))
    with _process(["docker-registry", "serve", str(config)], folder / "log"):
        _wait(lambda: socket.create_connection(("127.0.0.1", port), 1).close())
        yield f"127.0.0.1:{port}"


@contextmanager
def docker(folder: Path) -> Iterator[Callable[..., str]]:
    """A dockerd with overlay2; a function that runs the command `docker` on it."""
    folder.mkdir()
    address = f"unix://{folder}/docker.sock"
    places = [f"--data-root={folder}/data", f"--exec-root={folder}/exec", f"--pidfile={folder}/pid"]
    options = ["--storage-driver=overlay2", f"--host={address}", "--iptables=false", "--ip6tables=false", *places]
    with _bridge() as bridge, _process(["dockerd", *options, f"--bridge={bridge}"], folder / "log"):
        _wait(lambda: run("docker", "--host", address, "version"))
        try:
            yield lambda *words: run("docker", "--host", address, *words)
        finally:
            for line in reversed(Path("/proc/self/mounts").read_text().splitlines()):
                if line.split()[1].startswith(str(folder)):
                    subprocess.run(["umount", "--lazy", line.split()[1]], check=False)


@contextmanager
def _bridge() -> Iterator[str]:
    """A dockerd without a bridge of its own would delete `docker0`, which is the machine's own engine's."""
    name = f"my-{os.getpid()}"
    run("ip", "link", "add", "name", name, "type", "bridge")
    try:
        run("ip", "address", "add", "10.212.0.1/24", "dev", name)
        yield name
    finally:
        run("ip", "link", "delete", name)


@contextmanager
def _process(command: list[str], log: Path) -> Iterator[None]:
    program = shutil.which(command[0], path=_PATH)
    if program is None:
        raise SystemExit(f"{command[0]} is not installed: on Debian, apt-get install docker.io docker-registry")
    with log.open("wb") as output, subprocess.Popen([program, *command[1:]], stdout=output, stderr=output) as process:
        try:
            yield
        finally:
            process.terminate()


def _wait(answers: Callable[[], object]) -> None:
    until = time.monotonic() + 40
    while True:
        try:
            answers()
        except (OSError, SystemExit):
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
        else:
            return
