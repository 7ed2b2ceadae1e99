"""The lives of a schedule and of one of its runs, as tables."""

from enum import StrEnum


class ScheduleStatus(StrEnum):
    """Whether a schedule makes runs."""

    ACTIVE = "active"
    PAUSED = "paused"


class RunStatus(StrEnum):
    """Where a run of a schedule stands. What becomes of its job is the job's own status."""

    PLANNED = "planned"
    """Its time has come. It is begun in a moment, or when the run before has ended."""
    STARTED = "started"
    """Its job was made."""
    REFUSED = "refused"
    MISSED = "missed"
    """No control plane was there at its time."""


TRANSITIONS: dict[RunStatus, frozenset[RunStatus]] = {
    RunStatus.PLANNED: frozenset({RunStatus.STARTED, RunStatus.REFUSED, RunStatus.MISSED}),
    RunStatus.STARTED: frozenset(),
    RunStatus.REFUSED: frozenset(),
    RunStatus.MISSED: frozenset(),
}
