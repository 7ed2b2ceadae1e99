"""Runs of which nothing runs: each goes on until somebody says how it ends."""

import shutil
import threading
from collections.abc import Callable
from pathlib import Path

from modelyard.errors import Unavailable
from modelyard.ports.runner import RunOutcome, RunPhase, RunSpec


class FakeRunner:
    """Keeps the contract of `Runner` without processes.

    Args:
        script: called with each run that starts; what it gives is how the run ends at once, None lets it go on.
    """

    def __init__(self, script: Callable[[RunSpec], RunOutcome | None] | None = None) -> None:
        self._script = script
        self._runs: dict[Path, RunOutcome] = {}
        self._starting = threading.Lock()
        self.started: list[RunSpec] = []
        """Every run that was started, in order."""
        self.cancelled: list[Path] = []
        """Every folder that was asked to be ended, in order."""
        self.discarded: list[Path] = []
        """Every folder whose files were removed, in order."""
        self.is_available = True

    def start(self, spec: RunSpec) -> None:
        """Begin the run, once."""
        if not self.is_available:
            raise Unavailable("The machine cannot start a process now.", code="runner_unavailable")
        with self._starting:
            if spec.folder in self._runs:
                return
            self._runs[spec.folder] = RunOutcome(RunPhase.RUNNING)
        self.started.append(spec)
        (spec.folder / "work").mkdir(parents=True, exist_ok=True)
        self.log_path(spec.folder).touch()
        ended = self._script(spec) if self._script else None
        if ended is not None:
            self._runs[spec.folder] = ended

    def observe(self, folder: Path) -> RunOutcome:
        """What was last said of the run."""
        return self._runs.get(folder, RunOutcome(RunPhase.UNKNOWN))

    def cancel(self, folder: Path) -> None:
        """End the run, if it runs."""
        self.cancelled.append(folder)
        if self.observe(folder).phase is RunPhase.RUNNING:
            self.finish(folder, exit_code=-15, reason="The run was cancelled.")

    def discard(self, folder: Path) -> None:
        """Remember that it was asked, and do it."""
        self.discarded.append(folder)
        shutil.rmtree(folder / "work", ignore_errors=True)

    def log_path(self, folder: Path) -> Path:
        """The file that `finish` writes to."""
        return folder / "log"

    def finish(self, folder: Path, *, exit_code: int = 0, reason: str | None = None, output: str = "") -> None:
        """Let a run that goes on end like this."""
        with self.log_path(folder).open("a") as log:
            log.write(output)
        self._runs[folder] = RunOutcome(RunPhase.FINISHED, exit_code=exit_code, reason=reason)

    def lose(self, folder: Path) -> None:
        """Let a run vanish without an outcome, as when the machine goes down."""
        self._runs[folder] = RunOutcome(RunPhase.LOST)
