"""A view of the file system of its own for this process: all is read-only but its own folders, and much is not there.

Where the process is root it takes a mount namespace; else a user namespace gives it the right to one. Some systems
forbid that (containers by default, Ubuntu's AppArmor), so whether it can is tried beforehand.
"""

import ctypes
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from modelyard.isolation import syscalls

_NEW_MOUNTS, _NEW_USER = 0x00020000, 0x10000000
_BIND, _PRIVATE, _RECURSIVE = 1 << 12, 1 << 18, 1 << 14
_NO_SET_UID, _NO_DEVICES = 2, 4
_AT_FDCWD = -100
_AT_RECURSIVE, _CLONE_TREE = 0x8000, 1
_MOVE_FROM_DESCRIPTOR = 4
_READ_ONLY = 1
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  # In the view it is the process's own.
_SOCKETS = tuple(
    map(
        Path,
        (
            *("/run/user", "/run/dbus", "/run/systemd/private", "/run/docker.sock", "/run/podman", "/run/containerd"),
            "/tmp/.X11-unix",  # noqa: S108
        ),
    )
)
"""Where services of the machine listen that start programs for whoever reaches them."""
_TRIAL = """
import os, sys
from modelyard.isolation import private_mounts
private_mounts.enter(writable=(), hidden=(), kept=())
if sys.argv[1:]:
    os.setuid(int(sys.argv[1]))
"""


class _MountAttributes(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "namespace"))


def can_enter(*, user: int | None = None) -> bool:
    """Whether a process of ours can have a view of its own, and become this user. Tried in a process that ends."""
    if sys.platform != "linux":
        return False
    wanted = [] if user is None else [str(user)]
    tried = subprocess.run([sys.executable, "-P", "-c", _TRIAL, *wanted], capture_output=True, check=False)
    return tried.returncode == 0


def enter(*, writable: Sequence[Path], hidden: Sequence[Path], kept: Sequence[Path]) -> None:
    """Take the view, in a process of one thread. Paths lead where they led, also the working directory's.

    Args:
        writable: the places that are not read-only.
        hidden: folders that are empty in it, but for what of `writable` and `kept` lies below.
        kept: places and symbolic links that are there, read-only.
    """
    _leave_namespaces()
    syscalls.mount("none", "/", flags=_PRIVATE | _RECURSIVE)
    below = [place for place in kept if any(place.is_relative_to(each) for each in hidden)]
    links = {place: place.readlink() for place in below if place.is_symlink()}
    read_only = [place for place in below if place not in links and place.exists()]
    trees = {place: _cloned(place) for place in (*writable, *read_only) if place.exists()}
    files = {place for place in trees if not place.is_dir()}
    folder = Path.cwd()
    for place in (*hidden, *_SOCKETS):
        _cover(place)
    _cover(_SHARED_MEMORY, mode="1777")
    mask = os.umask(0o022)  # Folders on the way to a place are to be passed by whoever the process becomes.
    for place in trees:
        (place.parent if place in files else place).mkdir(parents=True, exist_ok=True)
        if place in files:
            place.touch()
    for place, target in links.items():
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(target)
    os.umask(mask)
    _set_read_only(Path("/"), is_on=True)
    for place in sorted(trees, key=lambda each: len(each.parts)):
        _attach(trees[place], place)
        _set_read_only(place, is_on=place not in writable)
    _set_read_only(_SHARED_MEMORY, is_on=False)
    os.chdir(folder if folder.is_dir() else "/")  # Else it would go on in the folder that the view replaces.


def _leave_namespaces() -> None:
    user, group = os.geteuid(), os.getegid()
    if user == 0:
        syscalls.unshare(_NEW_MOUNTS)
        return
    syscalls.unshare(_NEW_USER | _NEW_MOUNTS)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")


def _cover(place: Path, *, mode: str = "0755") -> None:
    """Lay an empty folder, or an empty file, over what is there."""
    if place.is_dir():
        syscalls.mount("none", str(place), kind="tmpfs", flags=_NO_SET_UID | _NO_DEVICES, data=f"mode={mode}")
    elif place.exists():
        syscalls.mount(os.devnull, str(place), flags=_BIND)


def _cloned(place: Path) -> int:
    flags = _CLONE_TREE | os.O_CLOEXEC | _AT_RECURSIVE
    return syscalls.syscall(syscalls.OPEN_TREE, ctypes.c_int(_AT_FDCWD), os.fsencode(place), ctypes.c_uint(flags))


def _attach(tree: int, place: Path) -> None:
    onto = (ctypes.c_int(_AT_FDCWD), os.fsencode(place))
    syscalls.syscall(syscalls.MOVE_MOUNT, ctypes.c_int(tree), b"", *onto, ctypes.c_uint(_MOVE_FROM_DESCRIPTOR))
    os.close(tree)


def _set_read_only(place: Path, *, is_on: bool) -> None:
    attributes = _MountAttributes(set=_READ_ONLY) if is_on else _MountAttributes(clear=_READ_ONLY)
    syscalls.syscall(
        syscalls.MOUNT_SETATTR,
        *(ctypes.c_int(_AT_FDCWD), os.fsencode(place), ctypes.c_uint(_AT_RECURSIVE)),
        *(ctypes.byref(attributes), ctypes.c_size_t(ctypes.sizeof(attributes))),
    )
