"""The log of a job as one stream of bytes, read from any offset.

It is kept in segments that are written one after the other: what we say before the run, the runs' own output, what we
say after it. A byte's offset counts over all of them, so a reader that was cut off goes on where it was.
"""

from collections.abc import Sequence
from pathlib import Path

from modelyard.log_file import LogFile
from modelyard.ports.log import LogPart


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
        return sum(LogFile(self._folder / name).size() for name in self._segments)

    def read(self, offset: int) -> LogPart:
        """The part from `offset` on, of one segment."""
        start = 0
        for name in self._segments:
            file = LogFile(self._folder / name)
            size = file.size()
            if offset < start + size:
                part = file.read(offset - start)
                return LogPart(part.content, start + part.next_offset, is_end=False)
            start += size
        return LogPart(b"", offset, is_end=False)
