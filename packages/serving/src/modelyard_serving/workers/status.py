"""The status file, for the program that started this server. It is replaced atomically, never written in place."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from modelyard_serving.workers.states import ServerState, WorkerState


@dataclass(frozen=True, slots=True)
class Exit:
    """How a worker ended."""

    at: datetime
    reason: str
    log_tail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStatus:
    index: int
    pid: int | None
    state: WorkerState
    started_at: datetime | None
    restarts: int
    rss_bytes: int | None
    last_exit: Exit | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    pid: int
    address: str
    grpc_address: str | None = None
    state: ServerState
    workers: Sequence[WorkerStatus]


def write_status(path: Path, status: Status, *, now: datetime) -> None:
    """Write a temporary file and rename it, so that a reader sees one complete status."""
    content: dict[str, Any] = {
        "pid": status.pid,
        "address": status.address,
        "state": status.state,
        "updated_at": _timestamp(now),
        "workers": [_worker(worker) for worker in status.workers],
    }
    if status.grpc_address is not None:
        content["grpc_address"] = status.grpc_address
    temporary = path.with_name(f".{path.name}.{status.pid}")
    temporary.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2))
    temporary.replace(path)


def _worker(worker: WorkerStatus) -> dict[str, Any]:
    content: dict[str, Any] = {
        "index": worker.index,
        "pid": worker.pid,
        "state": worker.state,
        "started_at": None if worker.started_at is None else _timestamp(worker.started_at),
        "restarts": worker.restarts,
        "rss_bytes": worker.rss_bytes,
    }
    if worker.last_exit is not None:
        content["last_exit"] = {
            "at": _timestamp(worker.last_exit.at),
            "reason": worker.last_exit.reason,
            "log_tail": worker.last_exit.log_tail,
        }
    return content


def _timestamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
