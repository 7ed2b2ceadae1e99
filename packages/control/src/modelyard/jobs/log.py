"""The log of a job as one stream of bytes, read from any offset.

It is made of segments that are written one after the other: what we say before the run, the runs' own output, what we
say after it. A byte's offset counts over all of them, so a reader that was cut off goes on where it was.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from modelyard.log_file import LogFile
from modelyard.ports.log import LogPart

BEFORE_RUN = "before.log"
AFTER_RUN = "after.log"


class Segment(Protocol):
    """A part of the log that somebody writes."""

    def size(self) -> int:
        """How many bytes are there now."""

    def read(self, offset: int) -> LogPart:
        """The part from an offset on."""


RunLogs = Callable[[str], Sequence[Segment]]
"""What the runs of a job wrote, in the order of the runs."""


class JobLog:
    """The log of one job, whose own lines are in files of its folder."""

    def __init__(self, folder: Path, runs: Sequence[Segment] = ()) -> None:
        self._folder = folder
        self._segments = (LogFile(folder / BEFORE_RUN), *runs, LogFile(folder / AFTER_RUN))

    def write(self, segment: str, line: str) -> None:
        """Append one line to `BEFORE_RUN` or `AFTER_RUN`."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self._folder / segment).open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(line.rstrip("\n") + "\n")

    def size(self) -> int:
        """How many bytes are there now."""
        return sum(segment.size() for segment in self._segments)

    def read(self, offset: int) -> LogPart:
        """The part from `offset` on, of one segment."""
        start = 0
        for segment in self._segments:
            size = segment.size()
            if offset < start + size:
                part = segment.read(offset - start)
                return LogPart(part.content, start + part.next_offset, is_end=False)
            start += size
        return LogPart(b"", offset, is_end=False)
