"""Reads files that users' code wrote: what is a link, a pipe or a device, or lies behind one, is no file here."""

import os
import shutil
import stat
from collections.abc import Iterator
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
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        *parents, name = PurePosixPath(path).parts
        for parent in parents:
            inner = os.open(parent, _NO_FOLLOWING | os.O_DIRECTORY, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
        file = os.open(name, _NO_FOLLOWING, dir_fd=descriptor)
    finally:
        os.close(descriptor)
    with os.fdopen(file, "rb") as opened:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise FileNotFoundError(f"{path} is not a regular file")
        yield opened


def copy_regular(folder: Path, path: str, target: Path) -> None:
    """Copy the regular file at `path` below `folder`. Raises as `open_regular` does."""
    with open_regular(folder, path) as source, target.open("wb") as copy:
        shutil.copyfileobj(source, copy)
