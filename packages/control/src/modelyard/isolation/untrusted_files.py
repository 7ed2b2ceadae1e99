"""Reads files that users' code wrote: what is a link, a pipe or a device, or lies behind one, is no file here."""

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

_NO_FOLLOWING = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


@contextmanager
def open_regular(folder: Path, path: str) -> Iterator[IO[bytes]]:
    """The regular file at `path` below a folder that is ours; nothing on the way below it is followed.

    Raises:
        OSError: there is none, or it is not a regular file.
    """
    *parents, name = PurePosixPath(path).parts
    with _opened_folder(folder, parents) as descriptor:
        file = os.open(name, _NO_FOLLOWING, dir_fd=descriptor)
    with os.fdopen(file, "rb") as opened:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise FileNotFoundError(f"{path} is not a regular file")
        yield opened


def regular_files(folder: Path, path: str, *, limit: int) -> list[str]:
    """The regular files below the folder at `path`, as paths from `folder`; no link is followed, neither on the way
    nor below. None when there is no such folder, and after `limit` files no more are looked for.
    """
    found: list[str] = []
    try:
        with _opened_folder(folder, PurePosixPath(path).parts) as descriptor:
            for place, _, names, inner in os.fwalk(".", dir_fd=descriptor):
                regular = (name for name in names if _is_regular(name, inner))
                found += [(PurePosixPath(path) / place / name).as_posix() for name in regular]
                if len(found) >= limit:
                    break
    except OSError:
        return []
    return sorted(found)[:limit]


@contextmanager
def _opened_folder(folder: Path, parts: Sequence[str]) -> Iterator[int]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in parts:
            inner = os.open(part, _NO_FOLLOWING | os.O_DIRECTORY, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
        yield descriptor
    finally:
        os.close(descriptor)


def _is_regular(name: str, folder: int) -> bool:
    try:
        return stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False
