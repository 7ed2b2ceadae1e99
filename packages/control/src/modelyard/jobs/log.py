"""The log of a job as one stream of bytes, read from any offset.

It is kept in segments that are written one after the other: what we say before the run, the runs' own output, what we
say after it. A byte's offset counts over all of them, so a reader that was cut off goes on where it was.
"""

from collections.abc import Sequence
from pathlib import Path

_CHUNK = 256 * 1024


class JobLog:
    """The log in one job's folder. `segments` are paths below it, in the order in which they are written."""

    def __init__(self, folder: Path, segments: Sequence[str]) -> None:
        self._folder = folder
        self._segments = segments

    def write(self, segment: str, line: str) -> None:
        """Append one line to a segment."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self._folder / segment).open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(line.rstrip("\n") + "\n")

    def size(self) -> int:
        """How many bytes are there now."""
        paths = (self._folder / name for name in self._segments)
        return sum(path.stat().st_size for path in paths if path.exists())

    def read(self, offset: int) -> bytes:
        """Up to 256 KiB from `offset` on; empty at the end of what is there."""
        for name in self._segments:
            path = self._folder / name
            size = path.stat().st_size if path.exists() else 0
            if offset < size:
                with path.open("rb") as file:
                    file.seek(offset)
                    return file.read(_CHUNK)
            offset -= size
        return b""
