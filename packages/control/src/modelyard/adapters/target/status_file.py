"""The status file of a model server, as docs/architecture/03 has it: read, checked, and never trusted past its age."""

from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ValidationError

from modelyard.ports.target import ReplicaObservation, ServerState


class LastExit(BaseModel):
    """How a worker last ended."""

    reason: str


class WorkerStatus(BaseModel):
    """One worker process."""

    index: int
    pid: int | None = None
    state: str
    started_at: datetime | None = None
    restarts: int = 0
    rss_bytes: int | None = None
    last_exit: LastExit | None = None

    def observed(self) -> ReplicaObservation:
        """As the port has it."""
        return ReplicaObservation(
            index=self.index,
            state=self.state,
            pid=self.pid,
            restarts=self.restarts,
            rss_bytes=self.rss_bytes,
            last_exit=None if self.last_exit is None else self.last_exit.reason,
            started_at=self.started_at,
        )


class ServerStatus(BaseModel):
    """The whole server, as it said itself at `updated_at`."""

    pid: int
    state: ServerState
    updated_at: datetime
    workers: list[WorkerStatus] = []

    @property
    def replicas(self) -> int:
        """How many workers it means to have."""
        return sum(worker.state != "draining" for worker in self.workers)

    def reason(self) -> str | None:
        """Why a worker that is not ready last ended, if one is not ready and has ended."""
        exits = [worker.last_exit for worker in self.workers if worker.state != "ready"]
        return next((last.reason for last in exits if last is not None), None)


def read_status(path: Path) -> ServerStatus | None:
    """What the file says; None when there is none, or none that can be read."""
    try:
        return ServerStatus.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
