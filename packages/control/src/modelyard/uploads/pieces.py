"""The bytes of one upload on the disk. A piece is durable before it is acknowledged; there is one writer at a time."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from modelyard.errors import Conflict


class Pieces:
    """The folder of one upload, whose name is ours."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def file(self) -> Path:
        """What has come so far."""
        return self._folder / "file"

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep every other writer out, of other processes too; the lock goes with the process.

        Raises:
            Conflict: code `upload_busy`, when somebody writes.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self._folder / "lock").open("wb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as exc:
                raise Conflict("another piece of this upload is just being written", code="upload_busy") from exc
            yield

    def write(self, piece: bytes, *, offset: int) -> None:
        """Put a piece at its offset. What stands behind it came from a call that was cut off, and goes."""
        descriptor = os.open(self.file, os.O_WRONLY | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.truncate(offset)
            file.seek(offset)
            file.write(piece)
            file.flush()
            os.fsync(file.fileno())

    def remove(self) -> None:
        """Remove all. Safe to repeat."""
        shutil.rmtree(self._folder, ignore_errors=True)
