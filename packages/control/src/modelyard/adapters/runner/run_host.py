"""Where runs are hosted that are no processes of this machine: an engine that starts one run agent for each run.

The port inside of the adapter: `HostedRunner` keeps the contract of `Runner` over any `RunHost`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from modelyard.adapters.runner.agent.client import AgentClient
from modelyard.ports.environments import Lock
from modelyard.ports.runner import Limits


@dataclass(frozen=True, slots=True)
class RunPlace:
    """What a host shall start."""

    name: str
    """Names it on the engine: the same for the same run of the same installation."""
    run_key: str
    python_environment: str
    """Digest of the lock whose image it is."""
    limits: Limits
    token: str = field(repr=False)
    """What the agent asks of whoever calls it."""
    notebook_driver: str | None = None
    """Digest of the lock of what drives notebooks, if the image has that too."""


class PlaceState(StrEnum):
    """What an engine says of a place."""

    ABSENT = "absent"
    PENDING = "pending"  # It waits for a node, an image, or its start.
    UP = "up"  # The agent runs, and answers soon.
    ENDED = "ended"  # It will not answer any more.


@dataclass(frozen=True, slots=True)
class PlaceObservation:
    """A place as it is now."""

    state: PlaceState
    reason: str | None = None
    """Why it waits, or why it was ended, in one sentence, if the engine says so."""


class RunHost(Protocol):
    """An engine. All calls are idempotent; they raise Unavailable when it does not answer.

    What carries another installation's id, or none, is not there for it.
    """

    def prepare(self, lock: Lock, *, driver: Lock | None = None, log: Callable[[str], None]) -> None:
        """Have the run image of the locks where places are started from. May take minutes.

        Raises:
            Invalid: the lock has no such image; the sentence says what can be done.
        """

    def create(self, place: RunPlace) -> None:
        """Start a place. One that is there already is left as it is.

        Raises:
            Unavailable: code `run_image_absent`, when `prepare` has to come first.
        """

    def find(self, name: str) -> PlaceObservation:
        """What the place does now."""

    def agent(self, name: str, token: str) -> AgentClient:
        """The agent of a place that is up. Raises AgentAway."""

    def remove(self, name: str) -> None:
        """Take the place away with all that it holds."""
