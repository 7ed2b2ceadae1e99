"""Durable execution: a job is a workflow of named steps, whose finished steps are never run again after a crash."""

from collections.abc import Callable, Mapping
from typing import Protocol, TypeVar

T = TypeVar("T")


class Steps(Protocol):
    """The steps of one running job."""

    def run(self, name: str, step: Callable[[], T]) -> T:
        """Run the step, or give what it gave when it was finished before the crash.

        A step is run at least once, so it is idempotent; its result is JSON. A step that raises Unavailable is
        repeated with back-off until it passes or the job is cancelled; any other error ends the job.
        """


Workflow = Callable[[str, Steps], None]
"""Takes the job's id and its steps. It is deterministic but for its steps, and writes the job's end itself."""


class JobEngine(Protocol):
    """Runs workflows by their kind, a bounded number at once, first in, first out."""

    def register(self, workflows: Mapping[str, Workflow]) -> None:
        """Tell the workflow of each kind of job. Once, before `start`."""

    def start(self) -> None:
        """Begin to work, and go on with every job that an earlier process left unfinished."""

    def submit(self, *, job_id: str, kind: str) -> None:
        """Enqueue the job. The same id twice is the same job."""

    def stop(self) -> None:
        """Take no new step; what runs is left to be resumed by the next process."""
