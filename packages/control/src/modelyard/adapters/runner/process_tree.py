"""The processes below this one: confined when they start, measured while they run, and all ended at the end.

On Linux the calling process becomes the parent of every orphan below it, so that no daemon gets away, and its children
die with it. Elsewhere a daemon that leaves the tree is not seen.
"""

import ctypes
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from modelyard.adapters.runner.processes import Process, descendants

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_NICENESS = 10
_OPEN_FILES = 4096
_END_SECONDS = 60.0


def adopt_orphans() -> None:
    """Become the parent of every process below this one whose own parent ends."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def confinement(*, disk_bytes: int) -> Callable[[], None]:
    """What a child shall do to itself between fork and exec: die with its parent, step back, and keep to limits."""
    parent = os.getpid()

    def confine() -> None:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # It died before the call above, so no signal would come.
            os._exit(1)
        os.nice(_NICENESS)
        _limit(resource.RLIMIT_FSIZE, disk_bytes)
        _limit(resource.RLIMIT_CORE, 0)
        _limit(resource.RLIMIT_NOFILE, _OPEN_FILES)

    return confine


def resident_bytes(processes: Sequence[Process]) -> int:
    """Resident memory of all of them together."""
    return sum(process.resident_bytes() for process in processes)


def signal_all(number: signal.Signals) -> None:
    """Send the signal to every process below this one."""
    for process in descendants():
        process.send(number)


def reap() -> dict[int, int]:
    """Wait statuses by process id, of the children that ended since the last call."""
    ended = {}
    with suppress(ChildProcessError):
        while (child := os.waitpid(-1, os.WNOHANG)) != (0, 0):
            ended[child[0]] = child[1]
    return ended


def end_all() -> dict[int, int]:
    """Kill every process below this one, also those that come while we do so; gives their wait statuses."""
    ended: dict[int, int] = {}
    deadline = time.monotonic() + _END_SECONDS
    while (processes := descendants()) and time.monotonic() < deadline:
        for number in (signal.SIGSTOP, signal.SIGKILL):  # What is stopped has no more children.
            for process in processes:
                process.send(number)
        ended |= reap()
        time.sleep(0.002)
    return ended | reap()


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux" and _LIBC.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _limit(what: int, most: int) -> None:
    _, hard = resource.getrlimit(what)
    limit = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(what, (limit, limit))


_LIBC = ctypes.CDLL(None, use_errno=True)
