"""Moves the access log aside when it has become large: the last few parts are kept."""

from collections.abc import Callable
from pathlib import Path

_MOST_BYTES = 100 * 1024 * 1024
_KEPT = 3


class LogRotation:
    """One access log. `reopen` has its writer open the file anew."""

    def __init__(self, path: Path, *, reopen: Callable[[], None], most_bytes: int = _MOST_BYTES) -> None:
        self._path = path
        self._reopen = reopen
        self._most_bytes = most_bytes

    def rotate(self) -> None:
        """Move the file to `….1` when it is large, what was there to `….2`, and delete the oldest."""
        try:
            if self._path.stat().st_size <= self._most_bytes:
                return
        except FileNotFoundError:
            return
        for number in range(_KEPT, 0, -1):
            older, newer = self._part(number), self._part(number - 1)
            if newer.exists():
                newer.replace(older)
        self._reopen()

    def _part(self, number: int) -> Path:
        return self._path if number == 0 else self._path.with_name(f"{self._path.name}.{number}")
