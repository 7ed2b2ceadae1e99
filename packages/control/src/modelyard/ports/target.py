"""Where model servers run: processes, containers, a cluster. A target is told what shall be, and asked what is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class ServerSpec:
    """One model server as it shall be. `deployment_id` is its name in the target, and never used twice."""

    deployment_id: str
    generation: int
    """1, and one more with each version that takes another's place at the deployment's address."""
    model_name: str
    version: int
    bundle: Path
    python: Path
    """Interpreter of the model's environment; `modelyard-serve` stands beside it."""
    replicas: int
    memory_bytes: int | None
    """Cap on each replica's resident memory; None for none."""
    port: int | None
    """Where it listens, of a target that `TakesPorts`."""


class ServerState(StrEnum):
    """What a target says of a server."""

    ABSENT = "absent"
    STARTING = "starting"
    READY = "ready"  # All wanted replicas answer.
    DEGRADED = "degraded"  # Some do.
    FAILED = "failed"  # None does, and the last starts failed; the target goes on trying with back-off.
    DRAINING = "draining"


@dataclass(frozen=True, slots=True)
class ReplicaObservation:
    """One replica. `last_exit` says in one sentence why it last ended; None if it never did."""

    index: int
    state: str
    pid: int | None
    restarts: int
    rss_bytes: int | None
    last_exit: str | None
    started_at: datetime | None


@dataclass(frozen=True, slots=True)
class ServerObservation:
    """A server as it is now. `url` is set from the moment that an address is taken, before anything answers there."""

    state: ServerState
    url: str | None = None
    reason: str | None = None
    replicas: Sequence[ReplicaObservation] = ()


class Target(Protocol):
    """Runs model servers, each in its own processes, which outlive the control plane and are restarted after a crash.

    All calls are idempotent and take seconds at most; none waits for a model to load. They raise Unavailable when
    the target does not answer.
    """

    @property
    def name(self) -> str:
        """As a deployment names it: `local`, `docker`, `kubernetes`, …"""

    def apply(self, spec: ServerSpec) -> None:
        """Make it so: start the server if it is absent, else bring `replicas` up or down without losing a request.

        The address stays the same for the deployment's whole life, also over restarts of the target. Where another
        generation of the deployment runs, both are at that address; who is not ready answers nothing there.
        """

    def observe(self, deployment_id: str, generation: int) -> ServerObservation:
        """What this generation does now; ABSENT when there is none."""

    def generations(self, deployment_id: str) -> Sequence[int]:
        """Those of a deployment that are here, whatever they do."""

    def retire(self, deployment_id: str, generation: int) -> None:
        """Drain and stop one generation, and leave the address and new requests to the others. Its log is kept.

        Returns when no process of it is left. One that is not there: nothing to do, no error.
        """

    def remove(self, deployment_id: str) -> None:
        """Drain and stop all generations, and take them away with their files but their logs.

        Returns when no process of them is left. One that is not there: nothing to do, no error.
        """

    def deployment_ids(self) -> Sequence[str]:
        """Every server that is here, so that one that nobody wants can be found and removed."""

    def log_path(self, deployment_id: str, generation: int) -> Path | None:
        """The log of one generation on this machine, also of one that is gone, or None where there is none."""


@runtime_checkable
class TakesPorts(Protocol):
    """A target whose servers listen on ports of this machine, which the control plane chooses and remembers."""

    @property
    def ports(self) -> range:
        """Among which to choose."""

    def is_free(self, port: int) -> bool:
        """Whether nobody listens there now."""
