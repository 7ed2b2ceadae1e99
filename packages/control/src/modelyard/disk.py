"""The disk of the home: asked before space is taken, with a reserve that lets the database end its writes.

Three lines are drawn. What takes space (uploads, unpacking, environments, bundles, runs) leaves the *floor* free. A
*reserve* file lies in the home and is given up when less than its size is left, so that jobs can still be ended and
written down; it is laid back when there is room. Whatever runs out of space in spite of this fails as `DiskFull`, and
nothing has to be started again afterwards.
"""

import errno
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from modelyard.errors import DiskFull
from modelyard.home import Home

logger = structlog.get_logger()

_FLOOR_SHARE = 20
_RESERVE_SHARE = 40
_WATCH_SECONDS = 1.0
_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT})
_SAID_BY_PROGRAMS = ("No space left on device", "os error 28", "Disk quota exceeded")
_STEP = 1024


@dataclass(frozen=True, slots=True)
class Space:
    """Of a file system, in bytes: what we may still write, and all of it."""

    free: int
    total: int


def space_of(place: Path) -> Space:
    """What the file system of this folder says."""
    found = os.statvfs(place)
    return Space(free=found.f_bavail * found.f_frsize, total=found.f_blocks * found.f_frsize)


class Disk:
    """The file system of one home.

    Args:
        root: the home.
        floor_bytes: what stays free, at most a twentieth of the disk.
        reserve_bytes: the size of the reserve, at most a fortieth of the disk.
        measure: says how much is free.
    """

    def __init__(
        self, root: Path, *, floor_bytes: int, reserve_bytes: int, measure: Callable[[Path], Space] = space_of
    ) -> None:
        self._root = root
        self._floor_bytes = floor_bytes
        self._reserve_bytes = reserve_bytes
        self._measure = measure
        self._reserve = Home(root).reserve

    def require(self, needed: int, *, what: str) -> None:
        """Refuse what would leave less than the floor.

        Raises:
            DiskFull: code `disk_full`, with what is needed and what is there.
        """
        space = self._measure(self._root)
        usable = max(0, space.free - self._floor(space))
        if needed > usable:
            raise DiskFull(
                f"disk full: {what} needs {shown(needed)}, has {shown(usable)} beside the {shown(self._floor(space))} "
                "that stay free"
            )

    def refuse_full(self) -> None:
        """Refuse to take space of a size that nobody knows before.

        Raises:
            DiskFull: code `disk_full`.
        """
        reason = self.fullness()
        if reason is not None:
            raise DiskFull(reason)

    def fullness(self) -> str | None:
        """Why nothing that takes space is begun now; None when it is."""
        space = self._measure(self._root)
        if space.free >= self._floor(space):
            return None
        return f"disk full: needs {shown(self._floor(space))} free in {self._root}, has {shown(space.free)}"

    def settle(self) -> None:
        """Give the reserve up when less than its size is left; lay it back when there is plenty."""
        space = self._measure(self._root)
        size = min(self._reserve_bytes, space.total // _RESERVE_SHARE)
        is_there = self._reserve.exists()
        if is_there and space.free < size:
            self._reserve.unlink(missing_ok=True)
            logger.warning("the disk is full: the reserve is given up", free=space.free)
        elif not is_there and space.free >= self._floor(space) + 2 * size:
            self._lay_back(size)

    def _lay_back(self, size: int) -> None:
        beside = self._reserve.with_suffix(".new")
        try:
            beside.touch(mode=0o600)
            with beside.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, max(size, 1))
            beside.rename(self._reserve)
        except OSError:  # Somebody was faster to take it.
            with suppress(OSError):
                beside.unlink(missing_ok=True)

    def _floor(self, space: Space) -> int:
        return min(self._floor_bytes, space.total // _FLOOR_SHARE)


class DiskWatch:
    """Settles the reserve once a second, in a thread of its own."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._is_stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin."""
        self._disk.settle()
        self._is_stopping.clear()
        self._thread = threading.Thread(target=self._run, name="disk", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._is_stopping.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._is_stopping.wait(_WATCH_SECONDS):
            try:
                self._disk.settle()
            except OSError as exc:
                logger.warning("the disk cannot be measured", reason=str(exc))


def is_about_space(error: BaseException) -> bool:
    """Whether an error says that a disk is full, by its number or in the words of a program that we ran."""
    if isinstance(error, DiskFull):
        return True
    if isinstance(error, OSError) and error.errno in _NO_SPACE:
        return True
    return any(words in str(error) for words in _SAID_BY_PROGRAMS)


def shown(size: int) -> str:
    """A size for people."""
    amount = float(size)
    for unit in ("bytes", "KiB", "MiB"):
        if amount < _STEP:
            return f"{amount:.0f} {unit}" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= _STEP
    return f"{amount:.1f} GiB"
