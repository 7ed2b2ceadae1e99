"""Writes a sample of requests with their rows and results to Parquet files, for drift analysis and training. A thread
writes them; when it cannot keep up, requests are dropped and counted, and never delayed."""

import queue
import random
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from modelyard_serving.errors import MissingExtra
from modelyard_serving.observers.observer import Observation
from modelyard_serving.runtimes.base import Tensors

_MAX_BYTES = 64 * 1024 * 1024
"""The limit of queued requests: they hold their tensors in memory."""
_ROWS_PER_FILE = 1000
_FLUSH_INTERVAL_S = 10.0

Entry = tuple[datetime, Observation]


class RequestLog:
    """Writes successful requests into `folder`, each file atomically.

    A row of a file is one request: `at`, `request_id`, `model`, `version`, `duration_s`, and a column for each tensor,
    `input.<name>` and `output.<name>`, with its elements as a list, and its `.shape`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        model: str,
        version: str,
        sample: float,
        drop: Callable[[], None],
        rows_per_file: int = _ROWS_PER_FILE,
        max_bytes: int = _MAX_BYTES,
        random_source: Callable[[], float] = random.random,
    ) -> None:
        self._folder = folder
        self._names = {"model": model, "version": version}
        self._sample = sample
        self._drop = drop
        self._rows_per_file = rows_per_file
        self._max_bytes = max_bytes
        self._random_source = random_source
        self._queue: queue.SimpleQueue[Entry | None] = queue.SimpleQueue()
        self._put_bytes = 0
        self._written_bytes = 0
        """Each counter has one writing thread; the queue's size is their difference."""
        self._lost_entries = 0
        self._reported_lost = 0
        self._number = 0
        self._arrow = _arrow()
        folder.mkdir(parents=True, exist_ok=True)
        self._writer = threading.Thread(target=self._write_all, name="request-log", daemon=True)
        self._writer.start()

    def observe(self, observation: Observation) -> None:
        """Queue a sampled request if there is space."""
        if observation.inputs is None or observation.outputs is None or self._random_source() >= self._sample:
            return
        while self._reported_lost < self._lost_entries:
            self._reported_lost += 1
            self._drop()
        size = _bytes_of(observation)
        if self._put_bytes - self._written_bytes + size > self._max_bytes:
            self._drop()
            return
        self._put_bytes += size
        self._queue.put((datetime.now(UTC), observation))

    def close(self) -> None:
        """Write the queued requests."""
        self._queue.put(None)
        self._writer.join(_FLUSH_INTERVAL_S)

    def _write_all(self) -> None:
        entries: list[Entry] = []
        flush_at = time.monotonic() + _FLUSH_INTERVAL_S
        is_open = True
        while is_open:
            try:
                entry = self._queue.get(timeout=max(0.0, flush_at - time.monotonic()))
                is_open = entry is not None
                if entry is not None:
                    entries.append(entry)
                    self._written_bytes += _bytes_of(entry[1])
            except queue.Empty:
                pass
            if entries and (len(entries) >= self._rows_per_file or time.monotonic() >= flush_at or not is_open):
                self._write(entries)
                entries = []
            if time.monotonic() >= flush_at:
                flush_at = time.monotonic() + _FLUSH_INTERVAL_S

    def _write(self, entries: Sequence[Entry]) -> None:
        """Write one file atomically, by renaming a temporary one. A full disk drops the requests."""
        self._number += 1
        name = f"{entries[0][0]:%Y%m%dT%H%M%S}-{threading.get_native_id()}-{self._number:06}.parquet"
        temporary = self._folder / f".{name}"
        pa, pq = self._arrow
        try:
            pq.write_table(pa.Table.from_pylist([self._row(*entry) for entry in entries]), temporary)
            temporary.replace(self._folder / name)
        except (OSError, pa.ArrowException):
            self._lost_entries += len(entries)

    def _row(self, at: datetime, observation: Observation) -> dict[str, Any]:
        row: dict[str, Any] = {
            "at": at,
            "request_id": observation.carrier.get("x-request-id"),
            **self._names,
            "duration_s": observation.total_s,
        }
        row |= _columns("input", observation.inputs or {})
        row |= _columns("output", observation.outputs or {})
        return row


def _columns(prefix: str, tensors: Tensors) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for name, array in tensors.items():
        columns[f"{prefix}.{name}"] = [_plain(element) for element in array.ravel().tolist()]
        columns[f"{prefix}.{name}.shape"] = list(array.shape)
    return columns


def _plain(element: Any) -> Any:
    """Bytes that are not UTF-8 are escaped, so that a column has one type."""
    return element.decode(errors="backslashreplace") if isinstance(element, bytes) else element


def _bytes_of(observation: Observation) -> int:
    tensors = (*(observation.inputs or {}).values(), *(observation.outputs or {}).values())
    return sum(array.nbytes for array in tensors) + 256


def _arrow() -> tuple[Any, Any]:
    try:
        import pyarrow as pa  # noqa: PLC0415  # An extra.
        import pyarrow.parquet as pq  # noqa: PLC0415  # As above.
    except ModuleNotFoundError as error:
        raise MissingExtra(extra="frames", needed_for="--request-log") from error
    return pa, pq
