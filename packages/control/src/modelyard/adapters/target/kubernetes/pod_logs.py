"""The logs of model servers, copied from their pods while these are there: a pod takes its log with it.

One file for each generation. The time of the last line that was copied of a pod is written beside it, so nothing is
copied twice, by whichever process does it.
"""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog

from modelyard.adapters.kubernetes.cluster_api import ClusterApi
from modelyard.adapters.target.kubernetes.pods import Pod
from modelyard.adapters.target.kubernetes.workload import CONTAINER
from modelyard.atomic_file import replace_text
from modelyard.errors import ModelyardError
from modelyard.file_lock import locked
from modelyard.log_file import LogFile
from modelyard.ports.target import ServerKey

logger = structlog.get_logger()

_PART_BYTES = 1024 * 1024
_MOST_BYTES = 32 * 1024 * 1024
_QUIET_SECONDS = 15.0
_FRESH_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class _Cursor:
    """How far a pod's log was copied."""

    nanoseconds: int = -1
    restarts: int = 0

    @property
    def since(self) -> str | None:
        if self.nanoseconds < 0:
            return None
        return datetime.fromtimestamp(self.nanoseconds // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class PodLogs:
    """The logs of one target's servers, below a folder of its own."""

    def __init__(self, api: ClusterApi, folder: Path) -> None:
        self._api = api
        self._folder = folder
        self._copied_at: dict[str, float] = {}
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="pod-logs")
        self._in_progress: Future[None] | None = None

    def close(self) -> None:
        """End what is copied in the background."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def file(self, key: ServerKey) -> LogFile:
        """What was copied of one generation."""
        return LogFile(self._place(key) / "log")

    def copy(self, key: ServerKey, pods: Sequence[Pod]) -> None:
        """Copy what these pods, all that the generation has, have written since the last time."""
        if not pods:
            return
        place = self._place(key)
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(place / "lock"):
            cursors = _read_cursors(place)
            for pod in pods:
                cursors[pod.name] = self._copy(place / "log", pod, cursors.get(pod.name, _Cursor()))
                self._copied_at[pod.uid] = time.monotonic()
            _write_cursors(place, {pod.name: cursors[pod.name] for pod in pods})

    def is_fresh(self, pods: Iterable[Pod]) -> bool:
        """Whether they were copied a moment ago."""
        now = time.monotonic()
        return all(now - self._copied_at.get(pod.uid, float("-inf")) < _FRESH_SECONDS for pod in pods)

    def copy_soon(self, servers: Mapping[ServerKey, Sequence[Pod]]) -> None:
        """Copy in the background what might be lost: at once of pods that go or fail, now and then of the others."""
        now = time.monotonic()
        live = {pod.uid for pods in servers.values() for pod in pods}
        self._copied_at = {uid: at for uid, at in self._copied_at.items() if uid in live}
        due = {key: pods for key, pods in servers.items() if any(self._is_due(pod, now) for pod in pods)}
        if due and (self._in_progress is None or self._in_progress.done()):
            self._in_progress = self._pool.submit(self._copy_all, due)

    def _is_due(self, pod: Pod, now: float) -> bool:
        pause = _QUIET_SECONDS if pod.state == "ready" else _FRESH_SECONDS
        return now - self._copied_at.get(pod.uid, float("-inf")) > pause

    def _copy_all(self, servers: Mapping[ServerKey, Sequence[Pod]]) -> None:
        for key, pods in servers.items():
            try:
                self.copy(key, pods)
            except (ModelyardError, OSError) as exc:
                logger.warning("logs of pods could not be copied", deployment_id=key.deployment_id, reason=str(exc))

    def _copy(self, log: Path, pod: Pod, cursor: _Cursor) -> _Cursor:
        if pod.restarts > cursor.restarts:
            cursor = self._copy_container(log, pod, cursor, is_previous=True)
        cursor = self._copy_container(log, pod, cursor, is_previous=False)
        return _Cursor(cursor.nanoseconds, pod.restarts)

    def _copy_container(self, log: Path, pod: Pod, cursor: _Cursor, *, is_previous: bool) -> _Cursor:
        while True:
            content = self._api.log(
                pod.name,
                namespace=pod.namespace,
                container=CONTAINER,
                since=cursor.since,
                is_previous=is_previous,
                most_bytes=_PART_BYTES,
            )
            lines = _lines_after(content, cursor.nanoseconds)
            if lines:
                cursor = _Cursor(lines[-1][0], cursor.restarts)
                _append(log, pod.name, b"".join(text for _, text in lines))
            if len(content) < _PART_BYTES:
                return cursor
            if not lines:  # More was written in this second than is read at once.
                cursor = _Cursor((cursor.nanoseconds // 10**9 + 1) * 10**9, cursor.restarts)

    def _place(self, key: ServerKey) -> Path:
        if not key.deployment_id.replace("-", "").isalnum():
            raise ValueError(f"A deployment's id is letters, digits and `-`; got {key.deployment_id!r}.")
        return self._folder / key.deployment_id / str(key.generation)


def _lines_after(content: bytes, nanoseconds: int) -> list[tuple[int, bytes]]:
    """The lines of a later time, without it."""
    found = []
    for line in content.splitlines(keepends=True):
        stamp, _, text = line.partition(b" ")
        at = _nanoseconds(stamp.decode(errors="replace"))
        if at is not None and at > nanoseconds:
            found.append((at, text if text.endswith(b"\n") else text + b"\n"))
    return found


def _nanoseconds(stamp: str) -> int | None:
    """Since 1970; a `datetime` would lose the last three digits."""
    whole, _, rest = stamp.strip().partition(".")
    digits = rest.rstrip("Z") if rest.endswith("Z") else rest.partition("+")[0]
    zone = stamp.strip()[len(whole) + 1 + len(digits) :] if rest else ""
    try:
        seconds = int(datetime.fromisoformat(whole + zone).timestamp())
        return seconds * 10**9 + int(digits.ljust(9, "0")[:9] or "0")
    except ValueError:
        return None


def _append(log: Path, pod: str, content: bytes) -> None:
    last = log.with_name("last-pod")
    if not last.is_file() or last.read_text() != pod:
        content = f"==> {pod} <==\n".encode() + content
        last.write_text(pod)
    if log.is_file() and log.stat().st_size + len(content) > _MOST_BYTES:
        log.replace(log.with_name("log.1"))
    with log.open("ab") as file:
        file.write(content)


def _read_cursors(place: Path) -> dict[str, _Cursor]:
    try:
        found = json.loads((place / "pods.json").read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return {name: _Cursor(one["nanoseconds"], one["restarts"]) for name, one in found.items()}


def _write_cursors(place: Path, cursors: Mapping[str, _Cursor]) -> None:
    content = {name: {"nanoseconds": one.nanoseconds, "restarts": one.restarts} for name, one in cursors.items()}
    replace_text(place / "pods.json", json.dumps(content))
