"""The log of a generation of servers, collected from its replicas, which may be gone: each line once, in a file."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from modelyard.atomic_file import replace_text
from modelyard.file_lock import locked
from modelyard.log_file import LogFile
from modelyard.ports.log import LogPart

_MOST_BYTES = 20 * 1024 * 1024
_NANOSECOND_DIGITS = 9


@dataclass(frozen=True, slots=True)
class CollectedLog:
    """The file at `path`; beside it stands how far each replica's own log was read."""

    path: Path

    def last(self, replica: str) -> str:
        """The time of the last line of a replica that is here, as `collect` was given it; empty for none."""
        return self._positions()[1].get(replica, "")

    def collect(self, replica: str, lines: Iterable[tuple[str, bytes]]) -> None:
        """Append the lines that are later than the last one.

        Args:
            lines: each with its time in RFC 3339, in UTC, in their order.
        """
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(self.path.with_suffix(".lock")):
            size, positions = self._positions()
            before = last = positions.get(replica, "")
            self._rotate_if_large(size)
            with self.path.open("ab") as file:
                if size <= file.tell():  # What was appended and not written down, when the process was killed.
                    file.truncate(size)
                for time, line in lines:
                    if _sortable(time) > _sortable(last):
                        file.write(line)
                        last = time
                file.flush()
                size = file.tell()
            if last != before:
                replace_text(self._places, json.dumps({"size": size, "replicas": {**positions, replica: last}}))

    def size(self) -> int:
        """How many bytes are here."""
        return LogFile(self.path).size()

    def read(self, offset: int) -> LogPart:
        """A part."""
        return LogFile(self.path).read(offset)

    @property
    def _places(self) -> Path:
        return self.path.with_suffix(".positions.json")

    def _positions(self) -> tuple[int, dict[str, str]]:
        try:
            content = json.loads(self._places.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return 0, {}
        return content["size"], content["replicas"]

    def _rotate_if_large(self, size: int) -> None:
        if size > _MOST_BYTES:
            self.path.replace(self.path.with_suffix(".log.1"))


def _sortable(time: str) -> str:
    """RFC 3339 with as many digits after the second as are needed sorts by itself only when all have as many."""
    whole, _, fraction = time.removesuffix("Z").partition(".")
    return f"{whole}.{fraction.ljust(_NANOSECOND_DIGITS, '0')}" if whole else ""
