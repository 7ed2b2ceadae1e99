"""Real model servers for the tests: `modelyard-serve` as a process of its own, on a free port."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

SAMPLES = Path(__file__).parent / "support"
PATIENCE_S = 30.0


@dataclass
class RunningServer:
    """A server that a test started."""

    process: subprocess.Popen[bytes]
    status_file: Path
    log: Path

    def status(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.status_file.read_text())
        return content

    @property
    def url(self) -> str:
        return f"http://{self.status()['address']}"

    def wait(self, is_so: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first status of which `is_so` is true."""
        until = time.monotonic() + PATIENCE_S
        status: dict[str, Any] = {}
        while time.monotonic() < until:
            if self.status_file.exists() and is_so(status := self.status()):
                return status
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise AssertionError(f"the status did not come; last {status}, log:\n{self.log.read_text()}")

    def wait_until_ready(self) -> None:
        self.wait(lambda status: bool(status["state"] == "ready"))

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self) -> int:
        """Stop it and give its exit code."""
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)


StartServer = Callable[..., RunningServer]


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[StartServer]:
    """Starts servers of a sample model, and ends those that a test leaves."""
    yield from _starting(tmp_path)


@pytest.fixture(scope="module")
def start_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartServer]:
    """The same for servers that all tests of a module ask."""
    yield from _starting(tmp_path_factory.mktemp("servers"))


def _starting(tmp_path: Path) -> Iterator[StartServer]:
    servers: list[RunningServer] = []

    def start(model: str, *options: str, is_awaited: bool = True) -> RunningServer:
        folder = tmp_path / f"server-{len(servers)}"
        folder.mkdir()
        command = [sys.executable, "-m", "modelyard_serving", f"sample_models:{model}", "--port", "0"]
        command += ["--status-file", str(folder / "status.json"), "--lame-duck-s", "0.3", *options]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(command, cwd=SAMPLES, stderr=log, env=os.environ | {"PYTHONUNBUFFERED": "1"})
        server = RunningServer(process, folder / "status.json", folder / "log")
        servers.append(server)
        if is_awaited:
            server.wait_until_ready()
        return server

    yield start
    for server in servers:
        try:
            server.end()
        except subprocess.TimeoutExpired:
            server.process.kill()
            server.process.wait()


@pytest.fixture
def anyio_backend() -> str:
    """Tests that are coroutines run on asyncio."""
    return "asyncio"


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=PATIENCE_S) as client:
        yield client
