"""What makes single replicas: a container engine, a cloud's container groups."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from modelyard.adapters.balancer import Endpoint
from modelyard.ports.log import LogPart
from modelyard.ports.target import ServerKey, ServerSpec


class Phase(StrEnum):
    """What a platform says of a replica. Whether it is ready is known by the balancer."""

    MADE = "made"  # It was made and not started: `create` was interrupted.
    STARTING = "starting"
    RUNNING = "running"
    FAILED = "failed"  # It ended and shall run; the platform starts it again by itself.
    STOPPED = "stopped"  # It ended, and the platform does not start it again.


@dataclass(frozen=True, slots=True)
class Replica:
    """One replica as its platform has it."""

    name: str
    """Unique in the platform."""
    key: ServerKey
    index: int
    template: str
    """Of what it was made, as `ReplicaPlatform.template` has it."""
    phase: Phase
    endpoint: Endpoint | None = None
    """None while the platform has given it no address."""
    restarts: int = 0
    last_exit: str | None = None
    """Why it last ended, or why it does not start, in one sentence."""
    started_at: datetime | None = None


class ReplicaPlatform(Protocol):
    """Replicas of one installation and one target, found again by their labels. What has other labels is not there.

    No call waits for a replica to be ready or to end. All raise Unavailable when the platform does not answer.
    """

    def replicas(self, deployment_id: str | None = None) -> Sequence[Replica]:
        """All of ours, or those of one deployment."""

    def has_foreign(self, deployment_id: str) -> bool:
        """Whether another installation has replicas of a deployment of this id."""

    def template(self, spec: ServerSpec) -> str:
        """Digest of all that a replica of this spec is made of: replicas of another one are replaced.

        Raises:
            Invalid: code `artifact_unsupported`, or a field that the platform cannot honour.
        """

    def prepare(self, spec: ServerSpec) -> bool:
        """Whether replicas can be made now. If not, what is missing is fetched in the background.

        Raises:
            ArtifactAbsent: the artifact is not where the platform takes it from.
            Unavailable: it could not be fetched, for the reason that the message says.
        """

    def create(self, spec: ServerSpec, index: int) -> None:
        """Make this replica and start it; one that is there already is started, if it was not.

        Raises:
            Unavailable: the platform refuses it.
        """

    def stop(self, replica: Replica) -> None:
        """Ask it to end, once or again. It has no requests in flight, and is not started again."""

    def delete(self, replica: Replica) -> None:
        """Delete what is left of it, whether it has ended or not. Its log stays."""

    def log_size(self, key: ServerKey) -> int:
        """As `KeepsLogs` has it."""

    def read_log(self, key: ServerKey, offset: int) -> LogPart:
        """As `KeepsLogs` has it."""

    def clean(self, deployment_id: str) -> None:
        """Delete what else was made for a deployment whose last replica is gone."""
