"""A dockerd with a bridge of its own, which a test may kill and start again."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
from image_engines import ENGINE_START_SECONDS, _without_mounts, need, one_engine_starts, wait_for
from own_bridges import own_bridge

_CONTAINERD = """\
version = 2
root = "{folder}/containerd/root"
state = "{folder}/containerd/state"
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

    def start(self) -> None:
        """Start it, beside its containerd, and wait until it answers."""
        if "containerd" not in self.processes:
            configuration = self.folder / "containerd.toml"
            configuration.write_text(_CONTAINERD.format(folder=self.folder))
            self._run("containerd", f"--config={configuration}")
        wait_for((self.folder / "containerd.sock").exists, what="containerd")
        places = (f"--data-root={self.folder}/data", f"--exec-root={self.folder}/exec")
        more = (f"--pidfile={self.folder}/docker.pid", f"--containerd={self.folder}/containerd.sock")
        network = (f"--bridge={self.bridge}", "--iptables=false", "--ip6tables=false")
        with one_engine_starts():
            self._run("dockerd", f"--host={self.address}", *network, *places, *more, "--shutdown-timeout=5")
            wait_for(lambda: self.docker("version").returncode == 0, what="dockerd", seconds=ENGINE_START_SECONDS)

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

    def docker(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command of Docker's own client."""
        command = [need("docker"), "--host", self.address, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)

    def names(self, *filters: str) -> Sequence[str]:
        """The names of all containers, or of those with these labels."""
        chosen = [part for one in filters for part in ("--filter", f"label={one}")]
        return self.docker("ps", "--all", "--format", "{{.Names}}", *chosen).stdout.split()


@contextmanager
def bridged_engine(folder: Path) -> Iterator[BridgedEngine]:
    """The engine; the test is skipped by its name where it cannot run."""
    need("dockerd")
    if os.geteuid() != 0:
        pytest.skip("dockerd needs root")
    with own_bridge() as bridge:
        engine = BridgedEngine(folder, bridge)
        with _without_mounts(folder):
            try:
                engine.start()
                yield engine
                left = engine.names()
                if left:
                    engine.docker("rm", "--force", *left)
            finally:
                engine.stop()
