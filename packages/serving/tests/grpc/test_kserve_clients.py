"""kserve's own REST and gRPC clients at their defaults. Its pins clash with ours, so they run in an environment of
their own, whose interpreter MODELYARD_KSERVE_PYTHON names; CI provides it."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

StartServer = Callable[..., Any]
CALLER = Path(__file__).parents[1] / "support" / "kserve_caller.py"
PYTHON = os.environ.get("MODELYARD_KSERVE_PYTHON")


@pytest.mark.skipif(not PYTHON, reason="MODELYARD_KSERVE_PYTHON names no interpreter with kserve==0.21.0")
class TestKserve:
    def test_its_clients_read_every_answer(self, start_server: StartServer) -> None:
        status = start_server("Doubler", "--grpc-port", "0").status()
        command = [str(PYTHON), str(CALLER), status["address"], status["grpc_address"]]

        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

        assert done.returncode == 0, done.stderr
        result = json.loads(done.stdout.splitlines()[-1])
        twice = [[2.0, 4.0], [6.0, 8.0]]
        expected = {"live": True, "ready": True, "model": True, "outputs": [twice, twice], "ids": ["seven", "seven"]}
        assert result == {"rest": expected, "grpc": expected}
