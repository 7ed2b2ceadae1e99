"""What the tracking server knows of the things that a request names."""

from typing import Protocol

from modelyard.tracking_access.domain import TrackedThing


class NotRemembered(Exception):
    """The store has to be asked."""


class TrackedFacts(Protocol):
    """Answers from the tracking server's own store, in its process. Each is None for what is not there."""

    @property
    def remembered(self) -> "TrackedFacts":
        """The same without the store: what is not in memory raises NotRemembered, and nothing waits."""

    def experiment_name(self, experiment_id: str) -> str | None:
        """The experiment's name, which says whose it is."""

    def run(self, run_id: str) -> TrackedThing | None:
        """Where a run is, and which job made it."""

    def model(self, model_id: str) -> TrackedThing | None:
        """Where a logged model is, and which job made it."""
