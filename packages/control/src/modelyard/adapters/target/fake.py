"""A target in memory, for tests of what stands above the port: its servers get ready, crash and fail when told to."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from modelyard.errors import Unavailable
from modelyard.ports.target import ReplicaObservation, ServerObservation, ServerSpec, ServerState

_FIRST_PORT = 8100
_Key = tuple[str, int]


@dataclass(slots=True)
class _Server:
    spec: ServerSpec
    state: ServerState = ServerState.STARTING
    reason: str | None = None
    restarts: int = 0


class FakeTarget:
    """The target `fake`. A server is ready at the second look at it, unless it was told otherwise."""

    def __init__(self) -> None:
        self.is_answering = True
        """False makes every call raise Unavailable."""
        self._servers: dict[_Key, _Server] = {}
        self._ports: dict[str, int] = {}
        self._next_port = _FIRST_PORT

    @property
    def name(self) -> str:
        """As a deployment names it."""
        return "fake"

    def apply(self, spec: ServerSpec) -> None:
        """Take the server in, or give it other replicas."""
        self._check()
        server = self._servers.get((spec.deployment_id, spec.generation))
        if server is not None:
            server.spec = spec
            return
        if spec.deployment_id not in self._ports:
            self._ports[spec.deployment_id] = self._next_port
            self._next_port += 1
        self._servers[spec.deployment_id, spec.generation] = _Server(spec)

    def observe(self, deployment_id: str, generation: int) -> ServerObservation:
        """What it does; one that is starting will be ready at the next look."""
        self._check()
        server = self._servers.get((deployment_id, generation))
        if server is None:
            return ServerObservation(state=ServerState.ABSENT)
        state = server.state
        if state is ServerState.STARTING:
            server.state = ServerState.READY
        url = f"http://127.0.0.1:{self._ports[deployment_id]}"
        return ServerObservation(state, url, server.reason, _replicas(server, state))

    def generations(self, deployment_id: str) -> Sequence[int]:
        """Those that were applied and not retired."""
        self._check()
        return sorted(generation for one, generation in self._servers if one == deployment_id)

    def retire(self, deployment_id: str, generation: int) -> None:
        """Forget this generation."""
        self._check()
        self._servers.pop((deployment_id, generation), None)

    def remove(self, deployment_id: str) -> None:
        """Forget all of it."""
        for generation in self.generations(deployment_id):
            del self._servers[deployment_id, generation]
        self._ports.pop(deployment_id, None)

    def deployment_ids(self) -> Sequence[str]:
        """All that were applied and not removed."""
        self._check()
        return sorted(self._ports)

    def log_path(self, deployment_id: str, generation: int) -> Path | None:  # noqa: ARG002  # No server has a log.
        """There is no log."""
        return None

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
        self.remove(deployment_id)

    def spec(self, deployment_id: str, generation: int) -> ServerSpec:
        """As it was applied last."""
        return self._servers[deployment_id, generation].spec

    def _newest(self, deployment_id: str) -> _Server:
        return self._servers[deployment_id, self.generations(deployment_id)[-1]]

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
