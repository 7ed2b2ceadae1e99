"""One server under test as processes: started on its own core, stopped in its tracks while another is measured, and
read for what it costs. Only its own processes are ever touched."""

import contextlib
import os
import resource
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
from benchmarks.serving.asking import ask, is_right
from benchmarks.serving.cases import Case
from benchmarks.serving.errors import BenchmarkError
from benchmarks.serving.peers.peer import Peer, Place
from benchmarks.serving.workloads import Form

_START_S = 120.0
_STOP_S = 15.0
_POLL_S = 0.01
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""A worker has one core; pools of threads would only fight for it."""
_KEPT = ("HOME", "LANG", "PATH", "USER")


@dataclass(frozen=True, slots=True)
class Memory:
    """In MiB: what all processes hold together, shared pages counted once, and the largest of them."""

    total: float
    largest: float


class Server:
    """A running server."""

    def __init__(self, peer: Peer, place: Place, *, core: int | None) -> None:
        self.peer = peer
        self.place = place
        self.case: Case = place.case
        start = peer.start(place)
        command = list(start.command) if core is None else ["taskset", "-c", str(core), *start.command]
        environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
        self._log = place.scratch / "log"
        self._processes: list[psutil.Process] = []
        with self._log.open("wb") as log:
            self._child = subprocess.Popen(
                command,
                cwd=place.scratch,
                env={**environment, **_ONE_THREAD, **start.variables},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Of the process that was started."""
        return self._child.pid

    def wait(self) -> float:
        """Wait for the first right answer.

        Returns:
            seconds since the process was started.
        """
        started = time.perf_counter()
        request = self.peer.dialect.request(self.case, Form.JSON, 1)
        while (seconds := time.perf_counter() - started) < _START_S and self._child.poll() is None:
            with contextlib.suppress(Exception):
                if request is not None and is_right(ask(self.place, Form.JSON, request).values, self.case, 1):
                    return seconds
            time.sleep(_POLL_S)
        raise BenchmarkError(
            f"{self.peer.title} did not answer for {self.case.model}; its log ends with:\n{self._tail()}"
        )

    def cpu_s(self) -> float:
        """Processor seconds of all its processes until now."""
        total = 0.0
        for process in self._alive():
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                total += times.user + times.system
        return total

    def memory(self) -> Memory:
        """What it holds now."""
        held = []
        for process in self._alive():
            with contextlib.suppress(psutil.Error):
                reported = process.memory_full_info()
                held.append((reported.pss, reported.rss))
        mebi = 1024 * 1024
        return Memory(sum(pss for pss, _ in held) / mebi, max((rss for _, rss in held), default=0) / mebi)

    @contextlib.contextmanager
    def awake(self) -> Iterator[None]:
        """Let it run, and stop it in its tracks afterwards."""
        self._signal(signal.SIGCONT)
        try:
            yield
        finally:
            self.freeze()

    def freeze(self) -> None:
        """Stop it in its tracks, if it can bear that."""
        if self.peer.survives_a_stop:
            self._signal(signal.SIGSTOP)

    def ending(self) -> str:
        """The end of its log where it has ended by itself, to add to a sentence; empty while it runs."""
        if all(process.status() != psutil.STATUS_ZOMBIE for process in self._alive()) and self._child.poll() is None:
            return ""
        return f"; a process of it has ended, and its log ends with:\n{self._tail()}"

    def stop(self) -> None:
        """End it, and all that it started."""
        processes = self._alive()
        self._signal(signal.SIGCONT)
        self._child.terminate()
        _, stubborn = psutil.wait_procs(processes, timeout=_STOP_S)
        for process in stubborn:
            with contextlib.suppress(psutil.Error):
                process.kill()
        self._child.wait()

    def _alive(self) -> list[psutil.Process]:
        """Its processes, also those whose parent is gone since we saw them last."""
        with contextlib.suppress(psutil.Error):
            root = psutil.Process(self._child.pid)
            known = {process.pid for process in self._processes}
            self._processes += [each for each in (root, *root.children(recursive=True)) if each.pid not in known]
        self._processes = [process for process in self._processes if process.is_running()]
        return list(self._processes)

    def _signal(self, number: signal.Signals) -> None:
        for process in self._alive():
            with contextlib.suppress(psutil.Error):
                process.send_signal(number)

    def _tail(self) -> str:
        return self._log.read_text(errors="replace")[-2000:]


def scratch(parent: Path, name: str) -> Path:
    """An empty folder for one server."""
    folder = parent / name
    folder.mkdir(parents=True)
    return folder


def client_cpu_s() -> float:
    """Processor seconds of the load generators that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
