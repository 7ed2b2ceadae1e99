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


def start(folder: Path) -> None:
    limits = Limits(seconds=600, memory_bytes=2**32, output_bytes=2**20, disk_bytes=2**20)
    environment = {"PATH": "/usr/bin:/bin", "RUN_FOLDER": str(folder / "work")}
    spec = RunSpec(
        run_key="k",
        folder=folder,
        python=Path(sys.executable),
        script_name="train.py",
        script_content=SCRIPT,
        environment=environment,
        limits=limits,
    )
    LocalRunner(isolation=NO_ISOLATION).start(spec)


class TestInterruptRuns:
    def test_a_run_is_lost_and_leaves_no_process(
        self, home: Home, processes: Callable[[], list[str]], until: Until
    ) -> None:
        runner = LocalRunner(isolation=NO_ISOLATION)
        for name in ("a", "b"):
            start(home.jobs / name / "run")
        until(lambda: all("up" in runner.log_path(home.jobs / name / "run").read_text() for name in ("a", "b")))
        assert interrupt_runs(home) == 2
        assert [runner.observe(home.jobs / name / "run").phase for name in ("a", "b")] == [RunPhase.LOST] * 2
        until(lambda: processes() == [])

    def test_a_run_of_another_home_goes_on(self, home: Home, tmp_path: Path, until: Until) -> None:
        runner = LocalRunner(isolation=NO_ISOLATION)
        start(tmp_path / "run")
        until(lambda: "up" in runner.log_path(tmp_path / "run").read_text())
        try:
            assert interrupt_runs(home) == 0
            assert runner.observe(tmp_path / "run").phase is RunPhase.RUNNING
        finally:
            runner.cancel(tmp_path / "run")
