"""Users of their own for runs, where we are root: a number for each, and what belongs to it or may be read by it."""

import os
import stat
from pathlib import Path

FIRST_USER = 0x6000_0000
"""No system gives such numbers to people or services; process ids, which are added to it, end at 2^22."""


def user_of(pid: int) -> int:
    """The user of the run whose supervisor is this process: no other run's while it lives."""
    return FIRST_USER + pid


def give(folder: Path, user: int) -> None:
    """Make a folder and all that is in it a user's own. What is a link is not followed."""
    os.chown(folder, user, user, follow_symlinks=False)
    for _, folders, files, descriptor in os.fwalk(folder, follow_symlinks=False):
        for name in (*folders, *files):
            os.chown(name, user, user, dir_fd=descriptor, follow_symlinks=False)


def open_to_readers(folder: Path) -> None:
    """Let every user read what is below a folder, if they reach it. One that was opened before is left as it is."""
    if not folder.is_dir() or folder.stat().st_mode & 0o005 == 0o005:
        return
    for _, folders, files, descriptor in os.fwalk(folder, topdown=False, follow_symlinks=False):
        for name in (*files, *folders):
            _add_read(name, descriptor)
    _add_read(str(folder), None)


def _add_read(name: str, descriptor: int | None) -> None:
    found = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
    if stat.S_ISLNK(found.st_mode):
        return
    wanted = found.st_mode | 0o444 | (0o111 if found.st_mode & 0o100 else 0)
    if wanted != found.st_mode:
        os.chmod(name, wanted & 0o7777, dir_fd=descriptor)
