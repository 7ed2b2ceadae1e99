"""Folders for work that is not done yet. What a killed process left in its own is taken away when the next one starts.

Each process has one folder, beside a file that it holds locked for its life. The kernel frees the lock when the process
dies, however it dies; so a folder whose lock is free is nobody's, and how old it is need not be guessed
(docs/decisions/0003-a-run-outlives-the-control-plane.md).
"""

import fcntl
import os
import shutil
import weakref
from pathlib import Path
from uuid import uuid4

_LOCK = ".lock"


class Scratch:
    """The scratch folders below `root`, of which one is ours. All of them are on the home's file system."""

    def __init__(self, root: Path) -> None:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._root = root
        self.folder, self.held = _take(root)
        """The folder, and the descriptor that holds it: a child that inherits it holds the folder too."""
        self._release = weakref.finalize(self, os.close, self.held)

    def sweep(self) -> int:
        """Remove the folders of processes that are gone; how many there were."""
        names = {path.name.removesuffix(_LOCK) for path in self._root.iterdir()}
        return sum(self._remove(name) for name in sorted(names - {self.folder.name}))

    def close(self) -> None:
        """Give our folder back."""
        shutil.rmtree(self.folder, ignore_errors=True)
        _lock_of(self.folder).unlink(missing_ok=True)
        self._release()

    def _remove(self, name: str) -> bool:
        folder = self._root / name
        descriptor = _lock(_lock_of(folder))
        if descriptor is None:
            return False
        try:
            is_there = folder.is_dir()
            shutil.rmtree(folder, ignore_errors=True)
            _lock_of(folder).unlink(missing_ok=True)
        finally:
            os.close(descriptor)
        return is_there


def _take(root: Path) -> tuple[Path, int]:
    """A new folder with its lock. The lock comes first, so that no folder is ever seen without one."""
    while True:
        folder = root / uuid4().hex
        descriptor = _lock(_lock_of(folder))
        if descriptor is not None:
            folder.mkdir(mode=0o700)
            return folder, descriptor


def _lock_of(folder: Path) -> Path:
    return folder.with_name(folder.name + _LOCK)


def _lock(path: Path) -> int | None:
    """A descriptor that holds the lock on this file; None when somebody else holds it, or just took the file away."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if path.stat().st_ino == os.fstat(descriptor).st_ino:
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(descriptor)
    return None
