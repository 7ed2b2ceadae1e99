"""Which processes a program's last start left behind, so that they can be ended before the next start.

A program runs in a process group that is named by its first process; whoever leaves the group (a training run, a
daemon) means to outlive the program and is not touched. A record distinguishes it from a group that got the same number
later: the kernel gives a number away again only when no process of its group is left, so a group belongs to
the record if its first process is the recorded one, or is gone while others of the same boot are still there.
"""

import json
import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from modelyard.atomic_file import replace_text
from modelyard.supervision.waiting import until

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_GRACE = 2.0
_CLOCK_STEP = 5.0  # Start times are reckoned from the time of boot, which follows when the clock is set.


@dataclass(frozen=True, slots=True)
class Generation:
    """The process group of one start of a program."""

    group: int
    started_at: float
    boot: str
    digest: str = ""
    """Of the program's file as this start read it."""

    @classmethod
    def of(cls, pid: int, *, digest: str = "") -> "Generation":
        """The generation whose first process is `pid`."""
        return cls(group=pid, started_at=psutil.Process(pid).create_time(), boot=_boot(), digest=digest)

    @classmethod
    def read(cls, path: Path) -> "Generation | None":
        """The record at `path`; None if there is none that can be read."""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            return cls(**content)
        except (OSError, ValueError, TypeError):
            return None

    def write(self, path: Path) -> None:
        """Keep this record at `path`."""
        replace_text(path, json.dumps(asdict(self)))

    def is_led(self) -> bool:
        """Whether the first process is still there."""
        return any(process.pid == self.group for process in self.members())

    def members(self) -> Sequence[psutil.Process]:
        """The processes of this generation that are alive, but for the calling one."""
        if self.boot != _boot():
            return []
        processes = [process for process in psutil.process_iter() if _group_of(process) == self.group]
        leader = next((process for process in processes if process.pid == self.group), None)
        if leader is not None and not self._is_mine(leader):
            return []
        return [process for process in processes if process.pid != os.getpid() and is_alive(process.pid)]

    def end(self, *, timeout_seconds: float) -> None:
        """End every process: the first is asked and has `timeout_seconds` to end the others; the rest is killed."""
        if self.is_led():
            _send([process for process in self.members() if process.pid == self.group], signal.SIGTERM)
            until(lambda: not self.is_led(), seconds=timeout_seconds)
        _send(self.members(), signal.SIGTERM)
        until(lambda: not self.members(), seconds=min(timeout_seconds, _GRACE))
        _send(self.members(), signal.SIGKILL)
        until(lambda: not self.members(), seconds=_GRACE)

    def _is_mine(self, leader: psutil.Process) -> bool:
        with suppress(psutil.Error):
            return abs(leader.create_time() - self.started_at) < _CLOCK_STEP
        return False


def is_alive(pid: int) -> bool:
    """Whether this process runs; one that has ended and was not collected yet does not."""
    with suppress(psutil.Error):
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    return False


def _boot() -> str:
    with suppress(OSError):
        return _BOOT_ID.read_text(encoding="ascii").strip()
    return str(round(psutil.boot_time()))


def _group_of(process: psutil.Process) -> int | None:
    with suppress(OSError):
        return os.getpgid(process.pid)
    return None


def _send(processes: Sequence[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with suppress(psutil.Error):
            process.send_signal(number)
