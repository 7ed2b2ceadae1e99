"""Durable execution: a job is a workflow of named steps, whose finished steps are never run again after a crash."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol


class Steps(Protocol):
    """The steps of one running job."""

    def run(self, name: str, step: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
        """Run the step, or give what it gave when it was finished before the crash.

        A step is run at least once, so it is idempotent. Its result is JSON. It does not raise: a crash is the only
        thing that leaves it without a result.
        """


Workflow = Callable[[str, Steps], None]
"""Takes the job's id and its steps. Deterministic but for its steps; it writes the job's end and never raises."""


class JobEngine(Protocol):
    """Runs workflows by their kind, a bounded number at once, first in, first out."""

    def register(self, workflows: Mapping[str, Workflow]) -> None:
        """Tell the workflow of each kind of job. Once, before `start`."""

    def start(self) -> None:
        """Begin to work, and go on with every job that an earlier process left unfinished."""

    def submit(self, *, job_id: str, kind: str) -> None:
        """Enqueue the job. The same id twice is the same job. Before `start` it does nothing but wait for it."""

    def stop(self) -> None:
        """Take no new job; what runs is left to be resumed by the next process."""
