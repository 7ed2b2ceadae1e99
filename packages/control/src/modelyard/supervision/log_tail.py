"""The end of a log file that is written and rotated by somebody else."""

import os
import re
from pathlib import Path

_END_BYTES = 16 * 1024
_REASON_LINES = 60
_EXCEPTION = re.compile(r"(\w+\.)*\w*(Error|Exception|Unavailable): ")


def last_lines(log: Path, count: int) -> list[str]:
    """Its last lines that are not empty; none when there is no log."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _END_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return []
    return [line.rstrip() for line in lines if line.strip()][-count:]


def last_reason(log: Path) -> str:
    """Why a Python program ended, as its log has it: the last exception, else the last line; may be empty."""
    lines = last_lines(log, _REASON_LINES)
    return next((line for line in reversed(lines) if _EXCEPTION.match(line)), lines[-1] if lines else "")


class Following:
    """Reads what is appended to a log from now on, also after it was rotated."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._inode, self._offset = self._stat()

    def read(self) -> bytes:
        """What was appended since the last call."""
        inode, size = self._stat()
        if inode != self._inode or size < self._offset:
            self._inode, self._offset = inode, 0
        if size == self._offset:
            return b""
        with self._log.open("rb") as file:
            file.seek(self._offset)
            text = file.read()
        self._offset += len(text)
        return text

    def _stat(self) -> tuple[int, int]:
        try:
            found = self._log.stat()
        except OSError:
            return 0, 0
        return found.st_ino, found.st_size
