"""Where model servers run: processes, containers, a cluster. A target takes what shall be, and is asked what is.

No type here names a place of one machine: an artifact is named by its content, a log is read by offset.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple, Protocol, runtime_checkable

from modelyard.errors import Unavailable
from modelyard.ports.log import LogPart


@dataclass(frozen=True, slots=True)
class BundleArtifact:
    """A packaged version by its content, for targets that share the control plane's disk."""

    name: str
    """`<tenant id>/<label of the model>/<version>`: where it is looked for; what is found must have the digest."""
    digest: str
    """SHA-256 of the bundle's manifest file, in hexadecimal digits."""
    environment: str
    """Digest of the lock of the Python environment that serves it."""


@dataclass(frozen=True, slots=True)
class ImageArtifact:
    """An OCI image with the server, its environment and the model."""

    reference: str
    """Pinned by the digest of its manifest: `registry.example.com/models@sha256:…`."""
    image_id: str
    """The digest of its configuration, `sha256:…`: what an engine without containerd calls the image that it loaded."""
    name: str
    """What people call it: `registry.example.com/models:my-model-v1`."""


Artifact = BundleArtifact | ImageArtifact


@dataclass(frozen=True, slots=True)
class Resources:
    """What each replica gets at most; None where the target's own default holds."""

    cpu: float | None = None
    """Cores."""
    memory_bytes: int | None = None
    gpus: int | None = None


DEFAULT_RESOURCES = Resources()


@dataclass(frozen=True, slots=True)
class Autoscaling:
    """Between which numbers of replicas the target itself chooses, by their use of the processor."""

    min_replicas: int
    max_replicas: int
    cpu_percent: int
    """What the replicas shall use on average: of `resources.cpu`, or of one core where that is not set."""


@dataclass(frozen=True, slots=True)
class ServerSpec:
    """One model server as it shall be. `deployment_id` is its name in the target, and never used twice."""

    deployment_id: str
    generation: int
    """1, and one more with each version that takes another's place at the deployment's address."""
    model_name: str
    version: int
    artifact: Artifact
    replicas: int
    namespace: str
    resources: Resources = DEFAULT_RESOURCES
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables of the server besides those that the target itself sets."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """What the server can be found by in the target's own tools, besides the label of this installation."""
    port: int | None = None
    """Where it listens, of a target that `TakesPorts`."""
    autoscaling: Autoscaling | None = None
    """Of a target that `Autoscales`; `replicas` is then where it begins."""

    @property
    def fingerprint(self) -> str:
        """Digest of all that is said here: a server with another one is not what it shall be.

        What is not set is no part of it, so that a field that is new in a release changes no fingerprint.
        """
        content = {"artifact": type(self.artifact).__name__, "spec": _without_unset(asdict(self))}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


class ServerState(StrEnum):
    """What a target says of a server."""

    ABSENT = "absent"
    STARTING = "starting"
    READY = "ready"  # All wanted replicas answer.
    DEGRADED = "degraded"  # Some do.
    FAILED = "failed"  # None does, and the last starts failed; the target goes on trying with back-off.
    DRAINING = "draining"  # It was asked to go, and answers what it has begun.


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
    fingerprint: str | None = None
    """Of the spec that was applied last; None where the target does not know it, as of one that was half applied."""
    scaled_by: str | None = None
    """Who has chosen the number of replicas since then, where that is neither the spec nor a fault: an autoscaler, or
    somebody with the target's own tools. The target leaves it as it is until a spec asks for another number."""


class ServerKey(NamedTuple):
    """One generation of a deployment's servers."""

    deployment_id: str
    generation: int


class Target(Protocol):
    """Runs model servers, each in its own processes, which outlive the control plane and are restarted after a crash.

    All calls are idempotent and take seconds at most; none waits for a model to load or for a server to drain. They
    raise Unavailable when the target does not answer.

    A target is made with the id of this installation, which it puts on everything that it makes. What carries another
    id, or none of ours, is not there for it: it is not observed, changed or removed.
    """

    def apply(self, spec: ServerSpec) -> None:
        """Make it so: start the server if it is absent, else bring it from what it is to what it shall be.

        A change of `replicas` alone loses no request. The address stays the same for the deployment's whole life, also
        over restarts of the target. Where another generation of the deployment runs, both are at that address; who is
        not ready answers nothing there.

        A target may let the replicas of a later generation take the places of an earlier one's as they get ready (a
        rolling update). The earlier generation is then observed with fewer replicas or none, and READY as long as the
        address answers in full. Applying it changes nothing until the later one is retired; then its replicas come
        back in the same way.

        Raises:
            ArtifactAbsent: the artifact is not where the target takes it from.
            Invalid: code `artifact_unsupported`: it runs no artifacts of this kind.
            Conflict: code `server_of_other_installation`.
        """

    def observe(self, deployment_id: str, generation: int) -> ServerObservation:
        """What this generation does now; ABSENT when there is none."""

    def observe_all(self) -> Mapping[ServerKey, ServerObservation]:
        """Every server of this installation, also what was applied or removed by half. None of them is ABSENT."""

    def retire(self, deployment_id: str, generation: int) -> None:
        """Ask one generation to drain and stop, and leave the address and new requests to the others. Keeps its log.

        Returns at once. It is gone when it is not observed any more; until then the caller asks again and again, which
        takes away what it leaves. One that is not there: nothing to do, no error.
        """

    def remove(self, deployment_id: str) -> None:
        """Ask all generations to drain and stop, as `retire` does, and give back the address when they are gone."""


class ArtifactAbsent(Unavailable):
    """The artifact of a spec cannot be had, so nothing was started."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code="artifact_absent")


class ImageArchives(Protocol):
    """What a target that has no registry to pull from loads images from."""

    def chunks(self, artifact: ImageArtifact) -> AbstractContextManager[Iterator[bytes]]:
        """The image as an archive for `docker load`, piece by piece; nobody removes the image while it is read.

        Raises:
            ArtifactAbsent: no image of this digest is here.
        """


@runtime_checkable
class RunsImages(Protocol):
    """A target whose artifacts are images."""

    @property
    def pulls(self) -> bool:
        """Whether it pulls them from the registry of their reference. Else it loads them from `ImageArchives`."""


@runtime_checkable
class TakesPorts(Protocol):
    """A target whose servers listen on ports of this machine, which the control plane chooses and remembers."""

    @property
    def ports(self) -> range:
        """Among which to choose."""

    def is_free(self, port: int) -> bool:
        """Whether nobody listens there now."""


@runtime_checkable
class KeepsLogs(Protocol):
    """A target that keeps what its servers write, also of those that are gone."""

    def log_size(self, deployment_id: str, generation: int) -> int:
        """How many bytes of one generation's log are there now; 0 where there is none."""

    def read_log(self, deployment_id: str, generation: int, offset: int) -> LogPart:
        """A part of one generation's log. It never ends: a server may be applied again."""


@runtime_checkable
class LimitsCpu(Protocol):
    """A target that can hold a replica to a number of cores."""

    @property
    def most_cpu(self) -> float | None:
        """What one replica may have; None for no limit."""


@runtime_checkable
class LimitsMemory(Protocol):
    """A target that can hold a replica to an amount of memory."""

    @property
    def max_memory_bytes(self) -> int | None:
        """What one replica may have; None for no limit."""


@runtime_checkable
class Autoscales(Protocol):
    """A target that can choose the number of replicas itself."""

    def why_no_autoscaling(self) -> str | None:
        """What keeps it from that now, as a phrase; None if nothing does.

        Raises:
            Unavailable: the target does not answer.
        """


@runtime_checkable
class TakesGrpc(Protocol):
    """A target whose servers may take gRPC where they take HTTP."""

    @property
    def takes_grpc(self) -> bool:
        """Whether they do, at the address and port of each deployment."""


@runtime_checkable
class LimitsNamespaces(Protocol):
    """A target that does not take deployments of every namespace."""

    def check_namespace(self, namespace: str) -> None:
        """Raises:
        Invalid: code `namespace_not_allowed`; the message names those that are.
        """


@runtime_checkable
class OffersGpus(Protocol):
    """A target that can give replicas GPUs of their own."""

    @property
    def most_gpus(self) -> int | None:
        """What one replica may have; None for no limit."""


def _without_unset(content: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: _without_unset(value) if isinstance(value, Mapping) else value for key, value in content.items()}
    return {key: value for key, value in kept.items() if value is not None and value != {}}
