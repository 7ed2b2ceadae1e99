"""Runs of which nothing runs: each goes on until somebody says how it ends."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from typing import IO

from modelyard.errors import NotFound, Unavailable
from modelyard.ports.log import LARGEST_PART, LogPart
from modelyard.ports.runner import RunOutcome, RunPhase, RunSpec


@dataclass(frozen=True, slots=True)
class FakeEnd:
    """How a run ends, with what it leaves in its working directory."""

    outcome: RunOutcome
    files: Mapping[str, bytes] = field(default_factory=dict)
    output: str = ""


Script = Callable[[RunSpec], RunOutcome | FakeEnd | None]


class FakeRunner:
    """Keeps the contract of `Runner` without processes.

    Args:
        script: called with each run that starts; what it gives is how the run ends at once, None lets it go on.
    """

    def __init__(self, script: Script | None = None) -> None:
        self._script = script
        self._runs: dict[str, RunOutcome] = {}
        self._logs: dict[str, bytes] = {}
        self._files: dict[str, dict[str, bytes]] = {}
        self._starting = threading.Lock()
        self.started: list[RunSpec] = []
        """Every run that was started, in order."""
        self.cancelled: list[str] = []
        """The key of every run that was asked to end, in order."""
        self.discarded: list[str] = []
        """The key of every run whose files were removed, in order."""
        self.is_available = True

    def start(self, spec: RunSpec) -> None:
        """Begin the run, once."""
        if not self.is_available:
            raise Unavailable("The machine cannot start a process now.", code="runner_unavailable")
        with self._starting:
            if spec.run_key in self._runs:
                return
            self._runs[spec.run_key] = RunOutcome(RunPhase.RUNNING)
        self.started.append(spec)
        if spec.project is not None:
            for entry in spec.project.entries():
                with spec.project.open(entry.path) as file:
                    self.write(spec.run_key, entry.path, file.read())
        if spec.script_content is not None:
            self.write(spec.run_key, spec.script_name, spec.script_content.encode())
        ended = self._script(spec) if self._script else None
        if isinstance(ended, RunOutcome):
            ended = FakeEnd(ended)
        if ended is not None:
            for path, content in ended.files.items():
                self.write(spec.run_key, path, content)
            self._end(spec.run_key, ended.outcome, output=ended.output)

    def observe(self, run_key: str) -> RunOutcome:
        """What was last said of the run."""
        return self._runs.get(run_key, RunOutcome(RunPhase.UNKNOWN))

    def cancel(self, run_key: str) -> None:
        """End the run, if it runs."""
        self.cancelled.append(run_key)
        if self.observe(run_key).phase is RunPhase.RUNNING:
            self.finish(run_key, exit_code=-15, reason="The run was cancelled.")

    def discard(self, run_key: str) -> None:
        """Remember that it was asked, and do it."""
        self.discarded.append(run_key)
        self._files.pop(run_key, None)

    def forget(self, run_key: str) -> None:
        """Know nothing of it."""
        for kept in (self._runs, self._logs, self._files):
            kept.pop(run_key, None)

    def log_size(self, run_key: str) -> int:
        """Of what `finish` said that it wrote."""
        return len(self._logs.get(run_key, b""))

    def read_log(self, run_key: str, offset: int) -> LogPart:
        """A part of that."""
        content = self._logs.get(run_key, b"")[offset : offset + LARGEST_PART]
        has_ended = self.observe(run_key).phase in {RunPhase.FINISHED, RunPhase.LOST}
        return LogPart(content, offset + len(content), is_end=has_ended and not content)

    def files(self, run_key: str, folder: str) -> Sequence[str]:
        """Those that were laid out, and those that a test wrote."""
        below = f"{folder}/"
        return sorted(path for path in self._files.get(run_key, {}) if path.startswith(below))

    @contextmanager
    def open_file(self, run_key: str, path: str) -> Iterator[IO[bytes]]:
        """One of them."""
        content = self._files.get(run_key, {}).get(path)
        if content is None:
            raise NotFound(f"the run has no file {path!r}", code="run_file_not_found")
        yield BytesIO(content)

    # What tests do.

    def write(self, run_key: str, path: str, content: bytes) -> None:
        """Be the script that writes a file to its working directory."""
        self._files.setdefault(run_key, {})[path] = content

    def finish(self, run_key: str, *, exit_code: int = 0, reason: str | None = None, output: str = "") -> None:
        """Let a run that goes on end like this."""
        self._end(run_key, RunOutcome(RunPhase.FINISHED, exit_code=exit_code, reason=reason), output=output)

    def _end(self, run_key: str, outcome: RunOutcome, *, output: str) -> None:
        self._logs[run_key] = self._logs.get(run_key, b"") + output.encode()
        self._runs[run_key] = outcome
