"""A log that is one file, which need not be there yet, or any more."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from modelyard.ports.log import LARGEST_PART, LogPart


@dataclass(frozen=True, slots=True)
class LogFile:
    """The log in the file at `path`."""

    path: Path

    def size(self) -> int:
        """How many bytes are there now."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    def read(self, offset: int, *, is_closed: bool = False) -> LogPart:
        """The part from an offset on. `is_closed` says that nothing more was written since before the call.

        An offset beyond the end is one of the file before its rotation: the new file is read from its beginning.
        """
        content = b""
        with suppress(FileNotFoundError), self.path.open("rb") as file:
            offset = offset if offset <= os.fstat(file.fileno()).st_size else 0
            file.seek(offset)
            content = file.read(LARGEST_PART)
        return LogPart(content, offset + len(content), is_end=is_closed and not content)
