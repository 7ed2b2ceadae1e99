"""The life of a deployment, as a table (design.md section 6)."""

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
