"""Uploads in progress, stored on disk, so that an interrupted one is resumed by the next process.

A session belongs to the process that holds its file's lock; another one that uploads the same blob starts its own.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from modelyard.atomic_file import replace_text
from modelyard.file_lock import open_lock, try_lock
from modelyard.oci.content import Digest
from modelyard.oci.reference import Repository


class UploadSession:
    """The URL of one upload at its registry. Whoever has it may be able to write there: mode 0600."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    @property
    def location(self) -> str | None:
        """The URL where the upload is resumed; None where none was started."""
        try:
            return None if self._path is None else self._path.read_text() or None
        except FileNotFoundError:
            return None

    def save(self, location: str) -> None:
        """Store the URL where the upload is resumed."""
        if self._path is not None:
            replace_text(self._path, location)

    def delete(self) -> None:
        """Delete it: the upload is complete, or the registry lost it."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)


class UploadSessions:
    """Sessions by repository and blob, in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def of(self, repository: Repository, digest: Digest) -> Iterator[UploadSession]:
        """The session of a blob; one that stores nothing where another process has it."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        key = Digest.of(f"{repository}@{digest}".encode()).hex
        lock_path = self._folder / f"{key}.lock"
        lock = open_lock(lock_path)
        try:
            if not try_lock(lock) or not _is_current(lock_path, lock):
                yield UploadSession(None)
                return
            yield UploadSession(self._folder / key)
            if not (self._folder / key).exists():
                lock_path.unlink(missing_ok=True)
        finally:
            os.close(lock)


def _is_current(path: Path, lock: int) -> bool:
    """Whether the path still leads to the locked file: another process may have deleted it before we got the lock."""
    try:
        return path.stat().st_ino == os.fstat(lock).st_ino
    except FileNotFoundError:
        return False
