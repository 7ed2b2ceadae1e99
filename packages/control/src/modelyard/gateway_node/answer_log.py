"""Which version answered which request, read from the access log as it grows: outcomes are joined to it by request id.

It begins at the end of the log, and gives at most so many answers at a time; what is more is left out, as a sample may
be.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import IO, Any

MOST_ANSWERS = 1_000
"""In one report."""
_MOST_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class AnsweredRequest:
    """One request that a version of a model answered well."""

    tenant_id: str
    model_name: str
    version: int
    request_id: str


class AnswerLog:
    """Follows one access log, also when it is moved aside and begun anew."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None
        self._rest = b""
        self._open(at_end=True)

    def new_answers(self) -> tuple[AnsweredRequest, ...]:
        """Those since the last call."""
        found = list(_answers(self._new_lines()))
        return tuple(found[:MOST_ANSWERS])

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def _new_lines(self) -> list[bytes]:
        content = self._rest + self._read()
        if not self._is_current():
            self._open(at_end=False)
            content += self._read()
        *lines, self._rest = content.split(b"\n")
        return lines

    def _read(self) -> bytes:
        return b"" if self._file is None else self._file.read(_MOST_BYTES)

    def _is_current(self) -> bool:
        """Whether the open file is still the one at the path."""
        try:
            there = self._path.stat().st_ino
        except FileNotFoundError:
            return self._file is not None
        return self._file is not None and os.fstat(self._file.fileno()).st_ino == there

    def _open(self, *, at_end: bool) -> None:
        self.close()
        try:
            self._file = self._path.open("rb")
        except FileNotFoundError:
            self._file = None
            return
        if at_end:
            self._file.seek(0, os.SEEK_END)


def _answers(lines: list[bytes]) -> Iterator[AnsweredRequest]:
    for line in lines:
        try:
            entry: dict[str, Any] = json.loads(line)
        except ValueError:
            continue
        is_good = entry.get("status") == HTTPStatus.OK and entry.get("grpc_status", 0) in {0, "0"}
        version, request_id = str(entry.get("version", "")), str(entry.get("request_id", ""))
        if is_good and version.isdecimal() and request_id and "model" in entry and "tenant" in entry:
            yield AnsweredRequest(str(entry["tenant"]), str(entry["model"]), int(version[:9]), request_id[:128])
