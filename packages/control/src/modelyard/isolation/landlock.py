"""Landlock: what this process and its children may do with files, ports, signals and sockets, whoever they are.

The kernel refuses everything that no rule allows, of the kinds that its version knows
(https://docs.kernel.org/userspace-api/landlock.html). It does not check `stat`, `chmod`, or connections to unix
sockets that have a path: `private_mounts` takes care of these.
"""

import ctypes
import os
import stat
import sys
from collections.abc import Iterable
from contextlib import suppress
from enum import IntFlag
from pathlib import Path

from modelyard.isolation import syscalls

_VERSION = 1
_PATH_BENEATH, _NET_PORT = 1, 2
_BIND_TCP = 1
_SCOPE_ABSTRACT_SOCKETS, _SCOPE_SIGNALS = 1, 2
_NETWORK_ABI, _DEVICES_ABI, SCOPES_ABI = 4, 5, 6
_EPHEMERAL = 0
"""As a port in a rule: any that the system chooses."""


class Access(IntFlag):
    """Rights on files, as the kernel numbers them."""

    EXECUTE = 1 << 0
    WRITE_FILE = 1 << 1
    READ_FILE = 1 << 2
    READ_DIR = 1 << 3
    REMOVE_DIR = 1 << 4
    REMOVE_FILE = 1 << 5
    MAKE_CHAR = 1 << 6
    MAKE_DIR = 1 << 7
    MAKE_REG = 1 << 8
    MAKE_SOCK = 1 << 9
    MAKE_FIFO = 1 << 10
    MAKE_BLOCK = 1 << 11
    MAKE_SYM = 1 << 12
    REFER = 1 << 13
    TRUNCATE = 1 << 14
    IOCTL_DEV = 1 << 15


_FIRST_ABI_RIGHTS = Access((1 << 13) - 1)
_RIGHTS_SINCE = {2: Access.REFER, 3: Access.TRUNCATE, _DEVICES_ABI: Access.IOCTL_DEV}
_OF_FILES = Access.EXECUTE | Access.WRITE_FILE | Access.READ_FILE | Access.TRUNCATE | Access.IOCTL_DEV
READ = Access.EXECUTE | Access.READ_FILE | Access.READ_DIR
WRITE = _FIRST_ABI_RIGHTS & ~(Access.MAKE_CHAR | Access.MAKE_BLOCK) | Access.REFER | Access.TRUNCATE
DEVICE = Access.READ_FILE | Access.WRITE_FILE | Access.IOCTL_DEV


class _Ruleset(ctypes.Structure):
    _fields_ = (("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathRule(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


class _PortRule(ctypes.Structure):
    _fields_ = (("allowed", ctypes.c_uint64), ("port", ctypes.c_uint64))


def abi_version() -> int:
    """What the kernel knows of Landlock; 0 where it has none, or where it is switched off."""
    if sys.platform != "linux":
        return 0
    with suppress(OSError):
        return syscalls.syscall(syscalls.LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION))
    return 0


def restrict(allowed: Iterable[tuple[Path, Access]], *, bind_ports: Iterable[int]) -> None:
    """Restrict this process and all that come from it, for good.

    Args:
        allowed: places, and what may be done there and below; a place that is not there is left out.
        bind_ports: TCP ports on which it may listen, besides those that the system chooses.
    """
    abi = abi_version()
    handled = _FIRST_ABI_RIGHTS
    for since, right in _RIGHTS_SINCE.items():
        if abi >= since:
            handled |= right
    ruleset = _create(abi, handled)
    try:
        for place, access in allowed:
            _allow_place(ruleset, place, access & handled)
        if abi >= _NETWORK_ABI:
            for port in (_EPHEMERAL, *bind_ports):
                _add(ruleset, _NET_PORT, _PortRule(_BIND_TCP, port))
        syscalls.forgo_new_privileges()
        syscalls.syscall(syscalls.LANDLOCK_RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint32(0))
    finally:
        os.close(ruleset)


def _create(abi: int, handled: Access) -> int:
    attributes = _Ruleset(handled, _BIND_TCP, _SCOPE_ABSTRACT_SOCKETS | _SCOPE_SIGNALS)
    known = 24 if abi >= SCOPES_ABI else 16 if abi >= _NETWORK_ABI else 8
    return syscalls.syscall(
        syscalls.LANDLOCK_CREATE_RULESET, ctypes.byref(attributes), ctypes.c_size_t(known), ctypes.c_uint32(0)
    )


def _allow_place(ruleset: int, place: Path, access: Access) -> None:
    try:
        descriptor = os.open(place, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # Not there, or not to be seen by this user either.
    try:
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            access &= _OF_FILES
        _add(ruleset, _PATH_BENEATH, _PathRule(access, descriptor))
    finally:
        os.close(descriptor)


def _add(ruleset: int, kind: int, rule: ctypes.Structure) -> None:
    syscalls.syscall(
        syscalls.LANDLOCK_ADD_RULE, ctypes.c_int(ruleset), ctypes.c_int(kind), ctypes.byref(rule), ctypes.c_uint32(0)
    )
