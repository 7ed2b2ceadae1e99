"""A dockerd with a containerd, a bridge and a disk of its own, which a test may kill and start again.

dockerd gives a containerd that it starts itself 15 s, and then ends. On a busy disk that is too short, so containerd is
started here, and the files of both lie in memory, where nothing waits for a disk.
"""

import os
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil
import pytest
from image_engines import need, wait_for
from own_bridges import own_bridge

START_SECONDS = 120
"""How long each program may take to answer: 1 s, or many on a machine that does much else."""
_LEAST_MEMORY = 6 * 2**30
"""What must be free for an engine to have its files in memory; they take 1 to 2 GiB."""
_CONTAINERD = """\
version = 2
root = "{folder}/disk/containerd/root"
state = "{folder}/disk/containerd/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = "{folder}/containerd.sock"
"""


@dataclass
class BridgedEngine:
    """Its files are in a folder whose path is short."""

    folder: Path
    bridge: str
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """As settings name it."""
        return f"unix://{self.folder}/docker.sock"

    @property
    def client(self) -> list[str]:
        """The command `docker` that talks to it."""
        return [need("docker"), "--host", self.address]

    def start(self) -> None:
        """Start it, beside its containerd, and wait until it answers."""
        if "containerd" not in self.processes:
            configuration = self.folder / "containerd.toml"
            configuration.write_text(_CONTAINERD.format(folder=self.folder))
            self._run("containerd", f"--config={configuration}")
            self._await("containerd", lambda: _accepts(self.folder / "containerd.sock"))
        places = (f"--data-root={self.folder}/disk/data", f"--exec-root={self.folder}/disk/exec")
        more = (f"--pidfile={self.folder}/docker.pid", f"--containerd={self.folder}/containerd.sock")
        network = (f"--bridge={self.bridge}", "--iptables=false", "--ip6tables=false")
        self._run("dockerd", f"--host={self.address}", *network, *places, *more, "--shutdown-timeout=5")
        self._await("dockerd", lambda: _is_up(self.folder / "docker.sock"))

    def kill(self) -> None:
        """As a crash does it: containers stay as they are."""
        dockerd = self.processes.pop("dockerd")
        dockerd.kill()
        dockerd.wait()

    def stop(self) -> None:
        """End it and what it started."""
        for name in ("dockerd", "containerd"):
            process = self.processes.pop(name, None)
            if process is not None:
                process.terminate()
                with suppress(subprocess.TimeoutExpired):
                    process.wait(30)
                process.kill()
                process.wait()
        for left in psutil.process_iter():  # Shims, if dockerd was not there to end them.
            with suppress(psutil.Error):
                if any(str(self.folder) in word for word in left.cmdline()):
                    left.kill()

    def _run(self, program: str, *arguments: str) -> None:
        with (self.folder / f"{program}.log").open("ab") as log:
            self.processes[program] = subprocess.Popen([need(program), *arguments], stdout=log, stderr=log)

    def _await(self, program: str, answers: Callable[[], bool]) -> None:
        """Wait until a program answers; one that ends instead says why in its log."""

        def runs_and_answers() -> bool:
            log = self.folder / f"{program}.log"
            assert self.processes[program].poll() is None, f"{program} has ended:\n{log.read_text()[-4000:]}"
            return answers()

        wait_for(runs_and_answers, what=program, seconds=START_SECONDS)

    def docker(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command of Docker's own client."""
        return subprocess.run([*self.client, *arguments], capture_output=True, text=True, check=False, timeout=120)

    def names(self, *filters: str) -> Sequence[str]:
        """The names of all containers, or of those with these labels."""
        chosen = [part for one in filters for part in ("--filter", f"label={one}")]
        return self.docker("ps", "--all", "--format", "{{.Names}}", *chosen).stdout.split()


def _accepts(address: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(address))
        return True


def _is_up(address: Path) -> bool:
    _accepts(address)  # httpx leaves a socket open that could not be connected.
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(address))) as client:
        return client.get("http://docker/_ping").status_code == 200


@contextmanager
def bridged_engine() -> Iterator[BridgedEngine]:
    """The engine; the test is skipped by its name where it cannot run.

    Where it is installed and may have a bridge, it must start: a test that is skipped for a slow machine is lost.
    """
    for program in ("dockerd", "containerd", "docker"):
        need(program)
    if os.geteuid() != 0:
        pytest.skip("dockerd needs root")
    with (
        tempfile.TemporaryDirectory(prefix="my-", ignore_cleanup_errors=True) as name,
        own_bridge() as bridge,
        _disk_in_memory(Path(name) / "disk"),
    ):
        engine = BridgedEngine(Path(name), bridge)
        try:
            engine.start()
            yield engine
            left = engine.names()
            if left:
                engine.docker("rm", "--force", *left)
        finally:
            engine.stop()


@contextmanager
def _disk_in_memory(folder: Path) -> Iterator[None]:
    """A folder that is held in memory, if there is enough. All that an engine mounts below it goes at the end."""
    folder.mkdir()
    if psutil.virtual_memory().available > _LEAST_MEMORY:
        mount = [need("mount"), "-t", "tmpfs", "-o", "size=4g,mode=711", "modelyard-tests", str(folder)]
        subprocess.run(mount, capture_output=True, check=False)  # Where this is not allowed, the disk serves as well.
    try:
        yield
    finally:
        mounted = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
        for place in reversed([one for one in mounted if Path(one).is_relative_to(folder)]):
            subprocess.run([need("umount"), "--lazy", place], check=False)
