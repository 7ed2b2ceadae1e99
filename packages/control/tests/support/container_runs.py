"""Runs in containers of a real dockerd, with a run image that has no package but the agent."""

import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from bridged_engine import bridged_engine
from machine_base import machine_base
from oci_parts import plenty

from modelyard.adapters.docker import DockerEngine, EngineOptions
from modelyard.adapters.runner.docker import HOST_NETWORK, ContainerOptions, DockerHost
from modelyard.adapters.runner.hosted import HostedRunner
from modelyard.adapters.runner.run_image import RunImages
from modelyard.adapters.runner.run_store import RunStore
from modelyard.oci.layout import Layout
from modelyard.oci.wheels.environment import LockedWheel
from modelyard.oci.wheels.target import WheelTarget
from modelyard.ports.environments import Lock

EMPTY_LOCK = Lock("# python: 3.11\n", sha256(b"# python: 3.11\n").hexdigest())


class NoWheels:
    """The wheels of a lock that names none."""

    def wheels(self, lock_text: str, target: WheelTarget, *, log: Callable[[str], None]) -> Sequence[LockedWheel]:
        return []


@dataclass(frozen=True)
class ContainerRuns:
    """A dockerd that has the run image, and runners on it."""

    docker: Sequence[str]
    images: RunImages
    opened: ExitStack
    installation: str = "installation-1"

    def host(self, options: ContainerOptions | None = None) -> DockerHost:
        host = DockerHost(
            DockerEngine("docker", EngineOptions(host=self.docker[-1])),
            self.images,
            installation=lambda: self.installation,
            options=options or ContainerOptions(network=HOST_NETWORK, grace_seconds=2),
        )
        self.opened.callback(host.close)
        return host

    def runner(self, folder: Path, host: DockerHost | None = None, *, start_seconds: float = 60) -> HostedRunner:
        return HostedRunner(
            RunStore(folder),
            host or self.host(),
            installation=lambda: self.installation,
            tracking_uri=lambda: "http://127.0.0.1:5000",
            grace_seconds=2,
            start_seconds=start_seconds,
        )

    def containers(self) -> list[str]:
        """The names of all containers of runs, also of those that have ended."""
        command = [*self.docker, "ps", "--all", "--format", "{{.Names}}", "--filter", "label=io.modelyard.run"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()

    def execute(self, container: str, code: str) -> str:
        """What a Python program in a container prints."""
        command = [*self.docker, "exec", container, "/opt/modelyard/bin/python", "-c", code]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@contextmanager
def container_runs(folder: Path) -> Iterator[ContainerRuns]:
    """A dockerd with the run image of `EMPTY_LOCK`."""
    with bridged_engine() as engine, closing(Layout(folder / "layout")) as layout, ExitStack() as opened:
        base = machine_base(layout, folder / "root")
        images = RunImages(layout, base=lambda _: base, wheels=NoWheels(), require_space=plenty)
        runs = ContainerRuns(engine.client, images, opened)
        runs.host().prepare(EMPTY_LOCK, log=print)
        yield runs
