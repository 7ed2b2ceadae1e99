"""The life cycles of workers and of the whole server, and the restart back-off. Pure: no process, no clock."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum


class WorkerState(StrEnum):
    STARTING = "starting"
    READY = "ready"
    DRAINING = "draining"
    BACKOFF = "backoff"


class ServerState(StrEnum):
    STARTING = "starting"
    READY = "ready"
    DEGRADED = "degraded"
    FAILED = "failed"
    DRAINING = "draining"


TRANSITIONS: dict[WorkerState, frozenset[WorkerState]] = {
    WorkerState.STARTING: frozenset({WorkerState.READY, WorkerState.BACKOFF, WorkerState.DRAINING}),
    WorkerState.READY: frozenset({WorkerState.BACKOFF, WorkerState.DRAINING}),
    WorkerState.BACKOFF: frozenset({WorkerState.STARTING}),
    WorkerState.DRAINING: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Fact:
    """The facts about one worker that the server's state depends on."""

    state: WorkerState
    failures: int
    """Starts in a row that did not become ready."""


def server_state(workers: Collection[Fact], *, is_draining: bool) -> ServerState:
    """The state of the whole: `failed` when no worker is ready and each one's last start failed."""
    if is_draining:
        return ServerState.DRAINING
    ready = sum(worker.state is WorkerState.READY for worker in workers)
    if ready == len(workers):
        return ServerState.READY
    if ready:
        return ServerState.DEGRADED
    if all(worker.failures for worker in workers):
        return ServerState.FAILED
    return ServerState.STARTING


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """The restart back-off."""

    first_s: float = 0.25
    longest_s: float = 30.0
    settled_s: float = 10.0
    """A worker that was ready for this long restarts at once, without back-off."""

    def delay(self, failures: int) -> float:
        """Seconds before the next start, after `failures` failures in a row."""
        if failures == 0:
            return 0.0
        return min(self.longest_s, self.first_s * 2.0 ** min(failures - 1, 20))
