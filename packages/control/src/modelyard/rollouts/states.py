"""The life of a roll-out, as a table (docs/architecture/02-life-cycles.md)."""

from enum import StrEnum


class RolloutStatus(StrEnum):
    """Where a roll-out stands."""

    PENDING = "pending"  # The candidate's server is made; all requests go to the former version.
    RUNNING = "running"
    PAUSED = "paused"  # Until somebody resumes it: asked for, or there was too little data.
    WAITING = "waiting"  # For the approval that the model's policy asks for.
    WARM = "warm"  # The candidate answers everything; the former version still runs, in case it must come back.
    DONE = "done"
    ROLLING_BACK = "rolling_back"  # All requests go to the former version already; what remains is cleared up.
    ROLLED_BACK = "rolled_back"

    @property
    def is_under_way(self) -> bool:
        """Whether it will still change; a model has one of these at most."""
        return bool(TRANSITIONS[self])

    @property
    def sends_requests(self) -> bool:
        """Whether the candidate answers, or is sent copies of, a share of the requests."""
        return self in {RolloutStatus.RUNNING, RolloutStatus.PAUSED, RolloutStatus.WAITING}


_BACK = frozenset({RolloutStatus.ROLLING_BACK})

TRANSITIONS: dict[RolloutStatus, frozenset[RolloutStatus]] = {
    RolloutStatus.PENDING: frozenset({RolloutStatus.RUNNING}) | _BACK,
    RolloutStatus.RUNNING: frozenset({RolloutStatus.PAUSED, RolloutStatus.WAITING, RolloutStatus.WARM}) | _BACK,
    RolloutStatus.PAUSED: frozenset({RolloutStatus.RUNNING}) | _BACK,
    RolloutStatus.WAITING: frozenset({RolloutStatus.RUNNING, RolloutStatus.WARM}) | _BACK,
    RolloutStatus.WARM: frozenset({RolloutStatus.DONE}) | _BACK,
    RolloutStatus.DONE: frozenset(),
    RolloutStatus.ROLLING_BACK: frozenset({RolloutStatus.ROLLED_BACK}),
    RolloutStatus.ROLLED_BACK: frozenset(),
}
