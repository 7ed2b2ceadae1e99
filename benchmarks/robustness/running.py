"""A model server as a process of its own: started on free ports, watched from outside, ended by SIGTERM."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]
_PATIENCE_S = 60.0


@dataclass(frozen=True)
class Server:
    """A running server."""

    process: subprocess.Popen[bytes]
    folder: Path

    @property
    def status(self) -> dict[str, Any]:
        """What its status file says."""
        content: dict[str, Any] = json.loads((self.folder / "status.json").read_text())
        return content

    @property
    def address(self) -> tuple[str, int]:
        host, _, port = str(self.status["address"]).rpartition(":")
        return host, int(port)

    @property
    def grpc_address(self) -> tuple[str, int]:
        host, _, port = str(self.status["grpc_address"]).rpartition(":")
        return host, int(port)

    @property
    def workers(self) -> list[int]:
        """The process ids of the workers that are there now."""
        return [worker["pid"] for worker in self.status["workers"] if worker["pid"]]

    @property
    def restarts(self) -> int:
        return sum(worker["restarts"] for worker in self.status["workers"])

    def last_exit(self) -> str:
        """Why a worker ended, if one does within a moment."""
        until = time.monotonic() + 5
        while time.monotonic() < until:
            for worker in self.status["workers"]:
                if worker.get("last_exit"):
                    return f"worker {worker['last_exit']['reason']}: {worker['last_exit']['log_tail'][-1500:]}"
            time.sleep(0.1)
        return "no worker has ended"

    def wait_until_ready(self) -> None:
        until = time.monotonic() + _PATIENCE_S
        while time.monotonic() < until and self.process.poll() is None:
            if (self.folder / "status.json").exists() and self.status["state"] == "ready":
                return
            time.sleep(0.02)
        raise RuntimeError(f"the server did not get ready:\n{(self.folder / 'log').read_text()[-3000:]}")

    def peak_mb(self) -> float:
        """The largest resident memory that any of its present workers ever had, in MB."""
        return max((_kilobytes(pid, "VmHWM") for pid in self.workers), default=0) / 1000

    def resident_mb(self) -> float:
        """The resident memory of all workers together, now."""
        return sum(_kilobytes(pid, "VmRSS") for pid in self.workers) / 1000


def _kilobytes(pid: int, field: str) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{field}:")), 0)


@contextmanager
def running(model: str, *options: str) -> Iterator[Server]:
    """Serve a class of `models.py` as long as the block lasts."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = ["--status-file", str(folder / "status.json")]
        ports = ["--port", "0", "--grpc-port", "0"]
        place = f"benchmarks.robustness.models:{model}"
        command = [sys.executable, "-m", "modelyard_serving", place, *ports, *files, *options]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(command, cwd=REPOSITORY, stdout=log, stderr=log, env=os.environ)
        server = Server(process, folder)
        try:
            server.wait_until_ready()
            yield server
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(_PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
