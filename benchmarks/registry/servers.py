"""Both products as real processes, each with the settings that it starts with by itself."""

import http.client
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from benchmarks.registry.postgres import free_port

_START_SECONDS = 120
_QUIET_CPU_SECONDS = 0.1


@dataclass(slots=True)
class Server:
    """One product, answering on loopback."""

    name: str
    port: int
    process: psutil.Process
    health: str
    """Where it says that it is ready."""
    headers: Mapping[str, str] = field(default_factory=dict)

    def connect(self) -> http.client.HTTPConnection:
        """A connection that is kept open, and was used once."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        connection.request("GET", self.health)
        response = connection.getresponse()
        response.read()
        if response.status != http.client.OK:
            raise ConnectionError(f"{self.name} is not ready: {response.status}")
        return connection

    def memory_bytes(self) -> int:
        """Resident memory of all its processes together."""
        return sum(process.memory_info().rss for process in self._processes())

    def cpu_seconds(self) -> float:
        """Processor time of all its processes together."""
        return sum(sum(process.cpu_times()[:2]) for process in self._processes())

    def _processes(self) -> list[psutil.Process]:
        return [self.process, *self.process.children(recursive=True)]


@contextmanager
def modelyard(home: Path, *, database_url: str, token: str) -> Iterator[Server]:
    """The control plane. Nothing that these reads need is missing because MLflow is not there."""
    port = free_port()
    environment = {
        "MODELYARD_HOME": str(home),
        "MODELYARD_PORT": str(port),
        "MODELYARD_DATABASE_URL": database_url,
        "MLFLOW_TRACKING_URI": f"http://127.0.0.1:{free_port()}",
    }
    with _running([sys.executable, "-m", "modelyard"], environment, log=home / "modelyard.log") as process:
        server = Server("modelyard", port, process, "/health/ready", {"Authorization": f"Bearer {token}"})
        _await_answer(server)
        yield server


@contextmanager
def mlflow(home: Path, *, backend: str) -> Iterator[Server]:
    """MLflow's REST server with its default workers."""
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", backend, "--port", str(port)]
    command += ["--artifacts-destination", str(home / "artifacts")]
    with _running(command, {"MLFLOW_DISABLE_TELEMETRY": "true"}, log=home / "mlflow.log") as process:
        server = Server("mlflow", port, process, "/health")
        _await_answer(server)
        yield server


def await_quiet(servers: Sequence[Server]) -> None:
    """Wait until what they do at their start is done: MLflow's workers are still loading when the first one answers."""
    for _ in range(_START_SECONDS):
        before = sum(server.cpu_seconds() for server in servers)
        time.sleep(1)
        if sum(server.cpu_seconds() for server in servers) - before < _QUIET_CPU_SECONDS:
            return
    raise TimeoutError("the servers do not become quiet")


@contextmanager
def _running(command: list[str], environment: Mapping[str, str], *, log: Path) -> Iterator[psutil.Process]:
    with log.open("wb") as output:
        child = subprocess.Popen(command, env=os.environ | environment, stdout=output, stderr=output)
        process = psutil.Process(child.pid)
        try:
            yield process
        finally:
            family = [*process.children(recursive=True), process]
            for member in family:
                member.terminate()
            psutil.wait_procs(family, timeout=15)
            child.wait()


def _await_answer(server: Server) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        with suppress(OSError, http.client.HTTPException):
            server.connect()
            return
        time.sleep(0.2)
    raise TimeoutError(f"{server.name} does not answer")
