"""Uploads that are under way, written down, so that one that was cut off goes on in the next process.

A session belongs to whoever holds its file's lock; somebody else who sends the same blob begins an upload of their own.
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
    """The address of one upload at its registry. It is no secret, but it lets others write there: mode 0600."""

    def __init__(self, place: Path | None) -> None:
        self._place = place

    @property
    def address(self) -> str | None:
        """Where it goes on; None where nothing was begun."""
        try:
            return None if self._place is None else self._place.read_text() or None
        except FileNotFoundError:
            return None

    def keep(self, address: str) -> None:
        """Write down where it goes on."""
        if self._place is not None:
            replace_text(self._place, address)

    def drop(self) -> None:
        """It is done, or forgotten by the registry."""
        if self._place is not None:
            self._place.unlink(missing_ok=True)


class UploadSessions:
    """Sessions by repository and blob, in a folder of ours."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def of(self, repository: Repository, digest: Digest) -> Iterator[UploadSession]:
        """The session of a blob; one that remembers nothing where somebody else has it."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        key = Digest.of(f"{repository}@{digest}".encode()).hex
        place = self._folder / f"{key}.lock"
        lock = open_lock(place)
        try:
            if not try_lock(lock) or not _is_still(place, lock):
                yield UploadSession(None)
                return
            yield UploadSession(self._folder / key)
            if not (self._folder / key).exists():
                place.unlink(missing_ok=True)
        finally:
            os.close(lock)


def _is_still(place: Path, lock: int) -> bool:
    """Whether nobody has taken the file away while we waited for its lock."""
    try:
        return place.stat().st_ino == os.fstat(lock).st_ino
    except FileNotFoundError:
        return False
