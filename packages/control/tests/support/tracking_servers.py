"""Real servers that tests of the tracker start: MLflow, and what its artifacts lie on."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from ports import find_free_port


@contextmanager
def serve_mlflow(
    folder: Path, *, backend: str, artifacts: str, environment: Mapping[str, str] | None = None
) -> Iterator[str]:
    """An MLflow tracking server; gives its address."""
    port = find_free_port()
    uri = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    options = ["--backend-store-uri", backend, "--artifacts-destination", artifacts]
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    variables = {**quiet, **(environment or {})}
    with serving([*command, *options], folder, variables, name="mlflow", health=f"{uri}/health"):
        yield uri


@contextmanager
def serving(
    command: Sequence[str], folder: Path, variables: Mapping[str, str], *, name: str, health: str
) -> Iterator[None]:
    """A server that answers, in a process group of its own."""
    with (folder / f"{name}.log").open("wb") as log:
        server = subprocess.Popen(
            command, cwd=folder, env={**os.environ, **variables}, stdout=log, stderr=log, start_new_session=True
        )
    try:
        _wait_for(health, server, log=folder / f"{name}.log")
        yield
    finally:
        os.killpg(server.pid, 9)
        server.wait()


def _wait_for(health: str, server: "subprocess.Popen[bytes]", *, log: Path) -> None:
    """Until it answers, whatever it answers."""
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        assert server.poll() is None, f"the server ended: {log.read_text()[-2000:]}"
        try:
            httpx.get(health, timeout=1)
        except httpx.HTTPError:
            time.sleep(0.2)
        else:
            return
    pytest.fail(f"the server does not answer: {log.read_text()[-2000:]}")
