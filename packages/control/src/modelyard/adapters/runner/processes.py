"""Processes of this machine, as runs need them: whose children, how large, with which environment.

On Linux they are read from `/proc`, so that a run's supervisor needs nothing but the standard library: in a container
it is run by the Python of the run's own image, which has no other package of ours. Elsewhere psutil reads them.
"""

import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from modelyard.adapters.runner.process import Process

if sys.platform == "linux":
    _PAGE = os.sysconf("SC_PAGE_SIZE")
    _PARENT, _STARTED = 1, 19
    """Places in `/proc/PID/stat` behind the name of the program, from proc_pid_stat(5)."""

    @dataclass(frozen=True, slots=True)
    class _LinuxProcess:
        pid: int
        parent: int
        started: int
        """In ticks since the machine started: another process with the same id has another time."""

        @classmethod
        def read(cls, pid: int) -> "_LinuxProcess | None":
            stat = _content(pid, "stat").rpartition(b") ")[2].split()
            return cls(pid, int(stat[_PARENT]), int(stat[_STARTED])) if stat else None

        def resident_bytes(self) -> int:
            sizes = _content(self.pid, "statm").split()
            return int(sizes[1]) * _PAGE if sizes else 0

        def environment(self) -> list[bytes]:
            pairs = _content(self.pid, "environ").split(b"\0")
            return [pair.partition(b"=")[2] for pair in pairs]

        def send(self, number: signal.Signals) -> None:
            try:
                descriptor = os.pidfd_open(self.pid)
            except OSError:
                return
            try:
                now = _LinuxProcess.read(self.pid)
                if now is not None and now.started == self.started:  # Its parent may have ended meanwhile.
                    signal.pidfd_send_signal(descriptor, number)
            except OSError:
                return  # It is gone, or another user's.
            finally:
                os.close(descriptor)

    def all_processes() -> "Iterator[Process]":
        """Every process that can be seen."""
        yield from _all()

    def descendants() -> "list[Process]":
        """All processes below this one."""
        children: dict[int, list[_LinuxProcess]] = {}
        for process in _all():
            children.setdefault(process.parent, []).append(process)
        found: list[Process] = []
        waiting = [os.getpid()]
        while waiting:
            own = children.pop(waiting.pop(), [])
            found += own
            waiting += [process.pid for process in own]
        return found

    def _all() -> Iterator[_LinuxProcess]:
        for name in os.listdir("/proc"):  # noqa: PTH208  # Of thousands of names; no path is made of most.
            if name.isdecimal() and (process := _LinuxProcess.read(int(name))) is not None:
                yield process

    def _content(pid: int, name: str) -> bytes:
        try:
            return Path(f"/proc/{pid}/{name}").read_bytes()
        except OSError:
            return b""

else:
    from modelyard.adapters.runner.portable_processes import all_processes, descendants

__all__ = ["Process", "all_processes", "descendants"]
