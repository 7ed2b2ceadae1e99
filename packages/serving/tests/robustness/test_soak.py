"""A short run of the soak of `benchmarks/robustness`; a longer one and its figures are in the docs."""

import json
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[4]


class TestSoak:
    def test_nothing_is_lost_but_what_a_killed_worker_held_and_nothing_is_mixed_up(self) -> None:
        command = [sys.executable, "-m", "benchmarks.robustness.soak", "--seconds", "15", "--callers", "6"]

        done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=120, check=False)

        assert done.returncode == 0, done.stdout + done.stderr
        reported = json.loads(done.stdout)
        assert (reported["wrong"], reported["failures"]) == (0, [])
        assert min(reported["answered"].values()) > 100
