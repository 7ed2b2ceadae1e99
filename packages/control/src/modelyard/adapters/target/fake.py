"""A target in memory, for tests of what stands above the port: its servers get ready, crash and fail on command."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from modelyard.adapters.target.context import TargetContext, refuse_options
from modelyard.errors import Conflict, Invalid, Unavailable
from modelyard.ports.log import LogPart
from modelyard.ports.target import (
    Artifact,
    ArtifactAbsent,
    ImageArchives,
    ImageArtifact,
    ReplicaObservation,
    ServerKey,
    ServerObservation,
    ServerSpec,
    ServerState,
)

_FIRST_PORT = 8100


@dataclass(slots=True)
class _Server:
    spec: ServerSpec
    installation: str
    port: int
    state: ServerState = ServerState.STARTING
    reason: str | None = None
    restarts: int = 0


@dataclass(slots=True)
class FakeCluster:
    """Where fake servers run; several installations may share one."""

    servers: dict[ServerKey, _Server] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    logs: dict[ServerKey, bytes] = field(default_factory=dict)
    next_port: int = _FIRST_PORT


class FakeTarget:
    """A server is ready at the second look at it, and gone at the second look after its removal was asked for."""

    def __init__(
        self,
        *,
        installation: Callable[[], str] = lambda: "this",
        cluster: FakeCluster | None = None,
        has_artifact: Callable[[Artifact], bool] = lambda _: True,
    ) -> None:
        self.is_answering = True
        """False makes every call raise Unavailable."""
        self._installation = installation
        self._cluster = cluster or FakeCluster()
        self._has_artifact = has_artifact

    @classmethod
    def configured(cls, name: str, options: Mapping[str, Any], context: TargetContext) -> "FakeTarget":
        """One whose cluster is its own."""
        refuse_options(name, options)
        return cls(installation=context.installation)

    @property
    def max_memory_bytes(self) -> int | None:
        """As much as is asked for."""
        return None

    def apply(self, spec: ServerSpec) -> None:
        """Take the server in, or give it another spec."""
        self._check()
        if not self._has_artifact(spec.artifact):
            raise ArtifactAbsent("its artifact is not here")
        key = ServerKey(spec.deployment_id, spec.generation)
        there = self._cluster.servers.get(key)
        if there is not None and there.installation != self._installation():
            raise Conflict(
                f"'{spec.deployment_id}' is a server of another installation", code="server_of_other_installation"
            )
        if there is not None and there.state is not ServerState.DRAINING:
            there.spec = spec
            return
        if spec.deployment_id not in self._cluster.ports:
            self._cluster.ports[spec.deployment_id] = self._cluster.next_port
            self._cluster.next_port += 1
        self._cluster.servers[key] = _Server(spec, self._installation(), self._cluster.ports[spec.deployment_id])
        self._cluster.logs[key] = self._cluster.logs.get(key, b"") + f"serving version {spec.version}\n".encode()

    def observe(self, deployment_id: str, generation: int) -> ServerObservation:
        """What it does; the next look sees it a step further."""
        self._check()
        key = ServerKey(deployment_id, generation)
        server = self._own().get(key)
        return ServerObservation(ServerState.ABSENT) if server is None else self._look(key, server)

    def observe_all(self) -> Mapping[ServerKey, ServerObservation]:
        """One look at each."""
        self._check()
        return {key: self._look(key, server) for key, server in self._own().items()}

    def retire(self, deployment_id: str, generation: int) -> None:
        """Let this generation drain."""
        self._check()
        server = self._own().get(ServerKey(deployment_id, generation))
        if server is not None:
            server.state, server.reason = ServerState.DRAINING, None

    def remove(self, deployment_id: str) -> None:
        """Let all of it drain."""
        for generation in self.generations(deployment_id):
            self.retire(deployment_id, generation)

    def log_size(self, deployment_id: str, generation: int) -> int:
        """One line for each start, or what `write_log` said."""
        return len(self._cluster.logs.get(ServerKey(deployment_id, generation), b""))

    def read_log(self, deployment_id: str, generation: int, offset: int) -> LogPart:
        """All that is there."""
        content = self._cluster.logs.get(ServerKey(deployment_id, generation), b"")[offset:]
        return LogPart(content, offset + len(content), is_end=False)

    # What tests do and ask.

    def generations(self, deployment_id: str) -> Sequence[int]:
        """Those of a deployment that are here, whatever they do."""
        self._check()
        return sorted(key.generation for key in self._own() if key.deployment_id == deployment_id)

    def deployment_ids(self) -> Sequence[str]:
        """Every deployment that has a server here."""
        self._check()
        return sorted({key.deployment_id for key in self._own()})

    def write_log(self, deployment_id: str, generation: int, content: bytes) -> None:
        """Let this be all that the generation has written."""
        self._cluster.logs[ServerKey(deployment_id, generation)] = content

    def fail(self, deployment_id: str, reason: str) -> None:
        """Let none of the newest generation's replicas start from now on, for this reason, until `recover`."""
        server = self._newest(deployment_id)
        server.state, server.reason = ServerState.FAILED, reason

    def recover(self, deployment_id: str) -> None:
        """Let it start again."""
        server = self._newest(deployment_id)
        server.state, server.reason = ServerState.STARTING, None
        server.restarts += 1

    def vanish(self, deployment_id: str) -> None:
        """Lose it, as when somebody removed it behind our back."""
        for generation in self.generations(deployment_id):
            self._drop(ServerKey(deployment_id, generation))

    def spec(self, deployment_id: str, generation: int) -> ServerSpec:
        """As it was applied last."""
        return self._cluster.servers[ServerKey(deployment_id, generation)].spec

    def _own(self) -> Mapping[ServerKey, _Server]:
        mine = self._installation()
        return {key: server for key, server in list(self._cluster.servers.items()) if server.installation == mine}

    def _look(self, key: ServerKey, server: _Server) -> ServerObservation:
        state, url = server.state, f"http://127.0.0.1:{server.port}"
        if state is ServerState.STARTING:
            server.state = ServerState.READY
        if state is ServerState.DRAINING:
            self._drop(key)
        return ServerObservation(state, url, server.reason, _replicas(server, state), server.spec.fingerprint)

    def _drop(self, key: ServerKey) -> None:
        self._cluster.servers.pop(key, None)
        if not any(other.deployment_id == key.deployment_id for other in list(self._cluster.servers)):
            self._cluster.ports.pop(key.deployment_id, None)

    def _newest(self, deployment_id: str) -> _Server:
        return self._cluster.servers[ServerKey(deployment_id, self.generations(deployment_id)[-1])]

    def _check(self) -> None:
        if not self.is_answering:
            raise Unavailable("The target does not answer.", code="target_unavailable")


def _replicas(server: _Server, state: ServerState) -> list[ReplicaObservation]:
    word = "backoff" if state is ServerState.FAILED else state.value
    return [
        ReplicaObservation(
            index=index,
            state=word,
            pid=None,
            restarts=server.restarts,
            rss_bytes=None,
            last_exit=server.reason,
            started_at=None,
        )
        for index in range(server.spec.replicas)
    ]


class FakeImageTarget(FakeTarget):
    """The same for images: one that pulls them, or loads them from archives."""

    def __init__(
        self,
        *,
        installation: Callable[[], str] = lambda: "this",
        cluster: FakeCluster | None = None,
        archives: ImageArchives | None = None,
    ) -> None:
        super().__init__(installation=installation, cluster=cluster)
        self._archives = archives

    @property
    def pulls(self) -> bool:
        """Where it has no archives to load from."""
        return self._archives is None

    def apply(self, spec: ServerSpec) -> None:
        """Read the image's archive to its end, if there are archives, and do what the other does."""
        if not isinstance(spec.artifact, ImageArtifact):
            raise Invalid("it runs images only", code="artifact_unsupported")
        if self._archives is not None:
            with self._archives.chunks(spec.artifact) as chunks:
                for _ in chunks:
                    pass
        super().apply(spec)
