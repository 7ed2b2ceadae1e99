"""Durable execution: a job is a workflow of named steps, whose finished steps are never run again after a crash."""

from collections.abc import Callable, Collection, Mapping
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
    """Runs workflows by their kind, a bounded number at once, first in, first out.

    Several processes share the jobs of one database. Each job is run by one of them.
    """

    @property
    def process(self) -> str:
        """The name of this process among them. No two have the same, also not one after the other."""

    def register(self, workflows: Mapping[str, Workflow]) -> None:
        """Tell the workflow of each kind of job. Once, before `start`."""

    def start(self) -> None:
        """Begin to work. What a process that is dead left unfinished waits for `take_over`."""

    def working(self) -> Collection[str]:
        """The processes that have begun jobs which have not ended: living and dead ones.

        Raises:
            Unavailable: the jobs' database does not answer.
        """

    def take_over(self, process: str) -> None:
        """Make the unfinished jobs of a process that is dead due again, for every living one. Idempotent.

        What that process still does, if it is not dead after all, is not recorded any more.

        Raises:
            Unavailable: the jobs' database does not answer.
        """

    def submit(self, *, job_id: str, kind: str) -> None:
        """Enqueue the job. The same id twice is the same job. Before `start` it does nothing but wait for it."""

    def stop(self) -> None:
        """Take no new job; what runs is left to be taken over by another process."""
