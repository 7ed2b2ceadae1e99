"""The slot of one worker: its current process and its history. It starts and ends nothing itself."""

from dataclasses import dataclass, field
from datetime import datetime

from modelyard_serving.workers.channel import Message
from modelyard_serving.workers.process import Worker
from modelyard_serving.workers.states import TRANSITIONS, Fact, WorkerState
from modelyard_serving.workers.status import Exit, WorkerStatus


@dataclass(slots=True, kw_only=True, eq=False)
class Slot:
    """One worker's slot; its process changes, its index and history stay."""

    index: int
    row: int
    """The row of the shared metrics that its processes write; no two running processes have the same."""
    state: WorkerState = WorkerState.BACKOFF
    worker: Worker | None = None
    started_at: datetime | None = None
    started: float = 0.0
    ready_since: float | None = None
    last_heartbeat: float = 0.0
    failures: int = 0
    restarts: int = 0
    last_exit: Exit | None = None
    is_draining: bool = False
    is_serving: bool = False
    """It takes new connections."""
    deadline: float | None = field(default=None)
    """When a draining process is killed."""
    kill_reason: str | None = None
    """Why we killed it."""

    def move(self, state: WorkerState) -> None:
        """Change the state, along the table."""
        if state not in TRANSITIONS[self.state]:
            raise AssertionError(f"worker {self.index} cannot go from {self.state} to {state}")
        self.state = state
        self.is_serving = state is WorkerState.READY or (state is WorkerState.DRAINING and self.is_serving)

    def send(self, message: Message) -> None:
        """Send its process a message, if there is one."""
        if self.worker is not None:
            self.worker.send(message)

    @property
    def fact(self) -> Fact:
        return Fact(self.state, self.failures)

    def status(self) -> WorkerStatus:
        worker = self.worker if self.state is not WorkerState.BACKOFF else None
        return WorkerStatus(
            index=self.index,
            pid=worker.pid if worker is not None else None,
            state=self.state,
            started_at=self.started_at,
            restarts=self.restarts,
            rss_bytes=worker.rss_bytes() if worker is not None else None,
            last_exit=self.last_exit,
        )
