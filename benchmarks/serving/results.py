"""The results of a run, one JSON object on each line: written as they come, so that a run that was broken off is not
lost."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The circumstances."""

    kind: str = "run"
    date: str
    machine: str
    cores: int
    pinned: bool
    python: str
    seconds: float
    rounds: int
    load_before: float
    """The machine's load average before the run: what else there was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """One start of a server."""

    kind: str = "started"
    server: str
    model: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """One slice of load on one server."""

    kind: str = "slice"
    round: int
    server: str
    model: str
    workload: str
    requests: int
    errors: int
    per_second: float
    p50_us: float | None
    """None when nothing was answered in time, here and below."""
    p99_us: float | None
    cpu_us: float | None
    """Processor microseconds of the server's processes for each request."""
    client_share: float
    memory_mb: float
    largest_mb: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What could not be measured."""

    kind: str = "failure"
    server: str
    model: str
    workload: str | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeated:
    """What was lost the first time, and tried once more with the server started anew."""

    kind: str = "repeated"
    server: str
    model: str
    workload: str | None
    reason: str


Line = Run | Started | Slice | Failure | Repeated
_KINDS: dict[str, type[Any]] = {
    "run": Run,
    "started": Started,
    "slice": Slice,
    "failure": Failure,
    "repeated": Repeated,
}


class Writer:
    """Appends lines to a file."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, line: Line) -> None:
        """Write it now."""
        self._file.write(json.dumps(asdict(line)) + "\n")
        self._file.flush()


def read(paths: list[Path]) -> Iterator[Line]:
    """The lines of some files."""
    for path in paths:
        for text in path.read_text().splitlines():
            reported = json.loads(text)
            yield _KINDS[reported["kind"]](**reported)
