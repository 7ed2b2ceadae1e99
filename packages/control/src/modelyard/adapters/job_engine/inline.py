"""The fake engine: runs jobs on command, in the caller's thread, and keeps finished steps in memory.

It is product code: it passes the port's contract tests, and shows in a dozen lines what an engine owes.
"""

from collections.abc import Callable, Collection, Mapping, MutableMapping
from typing import Any
from uuid import uuid4

from modelyard.ports.job_engine import Workflow


class InlineJobEngine:
    """The port `JobEngine` without threads. `run_next` works off one job; an exception in it is a crash."""

    def __init__(self) -> None:
        self.process = uuid4().hex
        self._workflows: Mapping[str, Workflow] = {}
        self._queue: dict[str, str] = {}
        self._finished: set[str] = set()
        self._results: dict[str, dict[str, Mapping[str, Any]]] = {}

    def register(self, workflows: Mapping[str, Workflow]) -> None:
        """See the port."""
        self._workflows = workflows

    def start(self) -> None:
        """See the port."""

    def working(self) -> Collection[str]:
        """See the port. Nobody shares the jobs that are in memory."""
        return [self.process] if self._queue else []

    def take_over(self, process: str) -> None:
        """See the port."""

    def submit(self, *, job_id: str, kind: str) -> None:
        """See the port."""
        if job_id not in self._finished:
            self._queue.setdefault(job_id, kind)

    def stop(self) -> None:
        """See the port."""

    def run_next(self) -> str | None:
        """Work off the oldest job, and give its id; None when there is none."""
        if not self._queue:
            return None
        job_id, kind = next(iter(self._queue.items()))
        self._workflows[kind](job_id, _InlineSteps(self._results.setdefault(job_id, {})))
        del self._queue[job_id]
        self._finished.add(job_id)
        return job_id


class _InlineSteps:
    def __init__(self, results: MutableMapping[str, Mapping[str, Any]]) -> None:
        self._results = results

    def run(self, name: str, step: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
        """See the port."""
        if name not in self._results:
            self._results[name] = step()
        return self._results[name]
