"""The processes of `processes.py` where there is no `/proc`: psutil reads them."""

import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import psutil

from modelyard.adapters.runner.process import Process


@dataclass(frozen=True, slots=True)
class _PortableProcess:
    known: psutil.Process

    @property
    def pid(self) -> int:
        return int(self.known.pid)

    def resident_bytes(self) -> int:
        with suppress(psutil.Error):
            return int(self.known.memory_info().rss)
        return 0

    def environment(self) -> list[bytes]:
        with suppress(psutil.Error, OSError):
            return [value.encode(errors="surrogateescape") for value in self.known.environ().values()]
        return []

    def send(self, number: signal.Signals) -> None:
        with suppress(psutil.Error):
            self.known.send_signal(number)


def all_processes() -> Iterator[Process]:
    """Every process that can be seen."""
    for process in psutil.process_iter():
        yield _PortableProcess(process)


def descendants() -> list[Process]:
    """All processes below this one."""
    return [_PortableProcess(process) for process in psutil.Process().children(recursive=True)]
