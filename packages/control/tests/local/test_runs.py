"""Runs, when the stack goes down."""

import sys
from collections.abc import Callable
from pathlib import Path

from modelyard.adapters.runner.local import LocalRunner
from modelyard.home import Home
from modelyard.isolation.mechanism import NO_ISOLATION
from modelyard.local.runs import interrupt_runs
from modelyard.ports.runner import Limits, RunPhase, RunSpec

Until = Callable[..., None]

SCRIPT = "import subprocess, sys, time; subprocess.Popen(['sleep', '1000']); print('up', flush=True); time.sleep(1000)"


def start(runner: LocalRunner, key: str) -> None:
    limits = Limits(seconds=600, memory_bytes=2**32, output_bytes=2**20, disk_bytes=2**20)
    spec = RunSpec(
        run_key=key,
        python_environment="here",
        script_name="train.py",
        script_content=SCRIPT,
        environment={},
        limits=limits,
    )
    runner.start(spec)


def log_of(runner: LocalRunner, key: str) -> bytes:
    return runner.read_log(key, 0).content


class TestInterruptRuns:
    def test_a_run_is_lost_and_leaves_no_process(
        self, home: Home, processes: Callable[[], list[str]], until: Until
    ) -> None:
        runner = LocalRunner(home.jobs, python=lambda _: Path(sys.executable), isolation=NO_ISOLATION)
        keys = ("a/1", "b/1")
        for key in keys:
            start(runner, key)
        until(lambda: all(b"up" in log_of(runner, key) for key in keys))
        assert interrupt_runs(home) == 2
        assert [runner.observe(key).phase for key in keys] == [RunPhase.LOST] * 2
        until(lambda: processes() == [])

    def test_a_run_of_another_home_goes_on(self, home: Home, tmp_path: Path, until: Until) -> None:
        runner = LocalRunner(tmp_path, python=lambda _: Path(sys.executable), isolation=NO_ISOLATION)
        start(runner, "a/1")
        until(lambda: b"up" in log_of(runner, "a/1"))
        try:
            assert interrupt_runs(home) == 0
            assert runner.observe("a/1").phase is RunPhase.RUNNING
        finally:
            runner.cancel("a/1")
