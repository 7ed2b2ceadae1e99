"""Space is asked for before it is taken, and a reserve is given up when there is none."""

import errno
import sqlite3
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from modelyard.disk import Disk, DiskWatch, Space, is_about_space
from modelyard.errors import DiskFull, Kind

MIB = 1024 * 1024


ROOMY = Space(free=5000 * MIB, total=10_240 * MIB)


@dataclass
class FakeFileSystem:
    """A file system of 10 GiB that tells what a test wants; a reserve on it takes its size."""

    space: Space = ROOMY

    def measure(self, _: Path) -> Space:
        return self.space

    def leave(self, mib: int) -> None:
        self.space = replace(self.space, free=mib * MIB)


@pytest.fixture
def file_system() -> FakeFileSystem:
    return FakeFileSystem()


@pytest.fixture
def disk(tmp_path: Path, file_system: FakeFileSystem) -> Disk:
    return Disk(tmp_path, floor_bytes=256 * MIB, reserve_bytes=MIB, measure=file_system.measure)


class TestRequire:
    def test_what_leaves_the_floor_is_allowed(self, disk: Disk) -> None:
        disk.require((5000 - 256) * MIB, what="it")

    def test_what_does_not_is_refused_with_what_it_needs_and_what_there_is(self, disk: Disk) -> None:
        with pytest.raises(DiskFull) as refused:
            disk.require(4800 * MIB, what="unpacking the archive")
        assert refused.value.message == (
            "disk full: unpacking the archive needs 4.7 GiB, has 4.6 GiB beside the 256.0 MiB that stay free"
        )
        assert (refused.value.kind, refused.value.code) == (Kind.DISK_FULL, "disk_full")

    def test_on_a_full_disk_it_has_nothing(self, disk: Disk, file_system: FakeFileSystem) -> None:
        file_system.leave(10)
        with pytest.raises(DiskFull, match="has 0 bytes"):
            disk.require(1, what="it")

    def test_of_a_small_disk_a_twentieth_stays_free(self, disk: Disk, file_system: FakeFileSystem) -> None:
        file_system.space = Space(free=100 * MIB, total=200 * MIB)
        disk.require(90 * MIB, what="it")
        with pytest.raises(DiskFull):
            disk.require(91 * MIB, what="it")


class TestFullness:
    def test_it_is_reported_below_the_floor_and_goes_away_by_itself(
        self, disk: Disk, file_system: FakeFileSystem
    ) -> None:
        assert disk.fullness() is None
        file_system.leave(255)
        assert "needs 256.0 MiB free" in (disk.fullness() or "")
        with pytest.raises(DiskFull, match="has 255"):
            disk.refuse_full()
        file_system.leave(256)
        disk.refuse_full()


class TestReserve:
    def test_it_is_laid_aside_given_up_and_laid_back(
        self, disk: Disk, file_system: FakeFileSystem, tmp_path: Path
    ) -> None:
        reserve = tmp_path / "reserve"
        disk.settle()
        assert (reserve.stat().st_size, reserve.stat().st_mode & 0o777) == (MIB, 0o600)
        assert reserve.stat().st_blocks * 512 >= MIB
        file_system.leave(100)
        disk.settle()
        assert reserve.exists()
        file_system.leave(0)
        disk.settle()
        assert not reserve.exists()
        file_system.leave(257)
        disk.settle()
        assert not reserve.exists()
        file_system.leave(300)
        disk.settle()
        assert reserve.exists()

    def test_the_watch_begins_with_it_and_can_begin_again(self, disk: Disk, tmp_path: Path) -> None:
        watch = DiskWatch(disk)
        for _ in range(2):
            watch.start()
            watch.stop()
        assert (tmp_path / "reserve").exists()


class TestIsAboutSpace:
    @pytest.mark.parametrize(
        "error",
        [
            OSError(errno.ENOSPC, "No space left on device"),
            OSError(errno.EDQUOT, "Disk quota exceeded"),
            RuntimeError("uv: failed to write: No space left on device (os error 28)"),
            DiskFull("disk full: it needs more"),
        ],
    )
    def test_what_a_full_disk_says(self, error: Exception) -> None:
        assert is_about_space(error)

    @pytest.mark.parametrize("error", [OSError(errno.EACCES, "Permission denied"), sqlite3.OperationalError("locked")])
    def test_what_says_something_else(self, error: Exception) -> None:
        assert not is_about_space(error)
