"""Real model servers of a small model, on this machine: one on its own, or several versions that share an address."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

_SECONDS = 60.0
_MODEL = '''
from modelyard_serving.protocol.datatypes import Datatype
from modelyard_serving.signature import Signature, TensorSpec
from modelyard_serving.user_model import UserModel


class Doubler(UserModel):
    """Twice its input of shape [n, 2]."""

    signature = Signature(
        inputs=(TensorSpec("x", Datatype.FP64, (-1, 2)),), outputs=(TensorSpec("y", Datatype.FP64, (-1, 2)),)
    )
    example = {"inputs": [[1.0, 2.0]]}

    def predict(self, inputs, parameters):
        return {"y": inputs["x"] * 2}
'''


class ModelServerProcess:
    """`modelyard-serve` of one version. Use it as a context manager.

    Args:
        folder: short, since a unix socket lies in it; servers of one folder share their address.
    """

    def __init__(self, folder: Path, name: str, version: int) -> None:
        (folder / "doubling.py").write_text(_MODEL)
        self._status_file = folder / f"status-{version}.json"
        shared = ["--port", "0", "--handover", str(folder), "--lame-duck-s", "0.3"]
        own = ["--name", name, "--version", str(version), "--status-file", str(self._status_file)]
        with (folder / f"log-{version}").open("wb") as self._log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "modelyard_serving", "doubling:Doubler", *shared, *own],
                cwd=folder,
                stderr=self._log,
            )

    def __enter__(self) -> Self:
        deadline = time.monotonic() + _SECONDS
        while self._status().get("state") != "ready":
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.end()
                raise AssertionError(f"the model server is not ready: {Path(self._log.name).read_text()}")
            time.sleep(0.02)
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._status()["address"].rpartition(":")[2])

    def end(self) -> None:
        """Ask it to drain and stop, and wait for its end."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        self._process.wait(_SECONDS)

    def _status(self) -> dict[str, Any]:
        try:
            return dict(json.loads(self._status_file.read_text()))
        except FileNotFoundError:
            return {}
