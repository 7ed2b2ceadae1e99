"""Triton's perf_analyzer against a real server, with no other information than the model's name: it asks for
metadata and configuration and makes its requests from them. MODELYARD_PERF_ANALYZER is the command that runs it; CI
provides it."""

import os
import re
import shlex
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

StartServer = Callable[..., Any]
COMMAND = shlex.split(os.environ.get("MODELYARD_PERF_ANALYZER", ""))
# How steady its figures are is the machine's, which may be busy.
QUICK = ["--measurement-interval", "200", "--stability-percentage", "100000"]


@pytest.mark.skipif(not COMMAND, reason="MODELYARD_PERF_ANALYZER names no command")
class TestPerfAnalyzer:
    @pytest.mark.parametrize(
        "options",
        [[], ["-a"], ["-b", "8"], ["-i", "grpc"], ["-i", "grpc", "-a"], ["-i", "grpc", "-a", "--streaming"]],
        ids=["http", "http-async", "http-batches", "grpc", "grpc-async", "grpc-stream"],
    )
    def test_it_measures_a_classifier_of_which_it_has_only_the_name(
        self, start_server: StartServer, options: list[str]
    ) -> None:
        status = start_server("Labeller", "--grpc-port", "0").status()
        address = status["grpc_address" if "grpc" in options else "address"]

        command = [*COMMAND, "-m", "Labeller", "-u", address, *options, *QUICK]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

        assert done.returncode == 0, done.stdout + done.stderr
        answered = re.search(r"Successful request count: (\d+)", done.stdout)
        assert answered is not None, done.stdout
        assert int(answered[1]) > 0
        assert "Failed request count" not in done.stdout
