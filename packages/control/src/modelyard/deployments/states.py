"""The lives of a deployment and of the replacement of its version, as tables."""

from enum import StrEnum


class DeploymentStatus(StrEnum):
    """Where a deployment stands."""

    PENDING = "pending"
    STARTING = "starting"
    READY = "ready"
    DEGRADED = "degraded"
    DRAINING = "draining"
    STOPPED = "stopped"
    FAILED = "failed"


class DesiredState(StrEnum):
    """What a deployment shall come to."""

    RUNNING = "running"
    STOPPED = "stopped"  # From the moment that it is undeployed.


_FROM_ANY = frozenset({DeploymentStatus.FAILED, DeploymentStatus.DRAINING})

TRANSITIONS: dict[DeploymentStatus, frozenset[DeploymentStatus]] = {
    DeploymentStatus.PENDING: frozenset({DeploymentStatus.STARTING}) | _FROM_ANY,
    DeploymentStatus.STARTING: frozenset({DeploymentStatus.READY}) | _FROM_ANY,
    DeploymentStatus.READY: frozenset({DeploymentStatus.DEGRADED}) | _FROM_ANY,
    DeploymentStatus.DEGRADED: frozenset({DeploymentStatus.READY}) | _FROM_ANY,
    # The target goes on trying, so what failed may come back by itself.
    DeploymentStatus.FAILED: frozenset({DeploymentStatus.READY, DeploymentStatus.DEGRADED, DeploymentStatus.DRAINING}),
    DeploymentStatus.DRAINING: frozenset({DeploymentStatus.STOPPED, DeploymentStatus.FAILED}),
    DeploymentStatus.STOPPED: frozenset(),
}


class ReplacementStatus(StrEnum):
    """Where the replacement of a deployment's version stands; the earlier version serves until its servers drain."""

    BUILDING = "building"  # Its bundle is made; nothing of it runs.
    STARTING = "starting"  # Its servers load the model.
    DRAINING = "draining"  # The deployment is at its version; servers of the earlier one answer what they have begun.
    DONE = "done"  # Only its version answers.
    FAILED = "failed"  # It was given up, and the earlier version went on.

    @property
    def is_under_way(self) -> bool:
        """Whether it will still change; a deployment has one of these at most."""
        return bool(REPLACEMENT_TRANSITIONS[self])


REPLACEMENT_TRANSITIONS: dict[ReplacementStatus, frozenset[ReplacementStatus]] = {
    ReplacementStatus.BUILDING: frozenset({ReplacementStatus.STARTING, ReplacementStatus.FAILED}),
    ReplacementStatus.STARTING: frozenset({ReplacementStatus.DRAINING, ReplacementStatus.FAILED}),
    ReplacementStatus.DRAINING: frozenset({ReplacementStatus.DONE}),
    ReplacementStatus.DONE: frozenset(),
    ReplacementStatus.FAILED: frozenset(),
}
