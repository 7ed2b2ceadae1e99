"""Keeps programs alive through supervisord, which outlives whoever asked for them.

One supervisord for one home. Each program is a group of its own, so putting, replacing or removing one never
touches another. It knows nothing of what the programs are.
"""

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, Final

from modelyard.file_lock import locked
from modelyard.home import Home
from modelyard.supervision.generations import Generation
from modelyard.supervision.programs import Program, ProgramFiles
from modelyard.supervision.supervisor_daemon import end_daemon, password, socket_path, start_daemon, unavailable
from modelyard.supervision.supervisor_rpc import SupervisorFault, SupervisorGone, SupervisorSilent, call
from modelyard.supervision.waiting import until

_BAD_NAME: Final = 10
_FAILED: Final = 30
_NOT_RUNNING: Final = 70
_ALREADY_ADDED: Final = 90

_ANSWER_SECONDS = 5.0
_KILL_SECONDS = 10.0
_GRACE_SECONDS = 30.0
"""For the programs of a daemon that nobody can reach any more."""


class ProcessState(StrEnum):
    """supervisord's own names for what a program does."""

    STOPPED = "STOPPED"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    BACKOFF = "BACKOFF"
    STOPPING = "STOPPING"
    EXITED = "EXITED"
    FATAL = "FATAL"
    UNKNOWN = "UNKNOWN"

    @property
    def is_up(self) -> bool:
        """Whether it has a process, or will have one without a command."""
        return self in {ProcessState.STARTING, ProcessState.RUNNING, ProcessState.BACKOFF}


@dataclass(frozen=True, slots=True)
class ProgramState:
    """A program as supervisord sees it now."""

    name: str
    state: ProcessState
    pid: int | None
    started_at: datetime | None
    log: Path


class Supervisor:
    """The client of one home's supervisord; starts it when a program is put and it is not there.

    Calls are safe from several threads and processes at once. They raise Unavailable (code `supervisor_unavailable`)
    when the daemon does not answer, but for those that are said to do without it.
    """

    def __init__(self, home: Home) -> None:
        self._home = home
        self._socket = socket_path(home)

    def is_running(self) -> bool:
        """Whether the daemon is there."""
        return self.pid() is not None

    def pid(self) -> int | None:
        """The daemon's process; None when there is none."""
        try:
            return int(call(self._socket, "getPID", timeout=_ANSWER_SECONDS, password=password(self._home)))
        except SupervisorGone:
            return None
        except (SupervisorSilent, SupervisorFault) as exc:
            raise unavailable(f"does not answer: {exc}") from exc

    def start(self) -> bool:
        """Start the daemon, and with it all programs that were put and not removed.

        False when it runs already; nothing is done then.
        """
        self._home.make()
        with locked(self._home.supervisor / "start.lock"):
            if self.is_running():
                return False
            end_daemon(self._home, timeout_seconds=_GRACE_SECONDS)  # One whose socket was deleted under it.
            start_daemon(self._home)
            return True

    def put(self, program: Program) -> bool:
        """Make it run as described: start it, or replace the one of its name if that is described differently.

        True when it ran already as described, and was left as it is.
        """
        files = ProgramFiles(self._home.supervisor, program.name)
        with self._changing(program.name):
            before = files.digest()
            digest = files.write(program)
            if self.start():
                return False  # With the daemon, from what was just written.
            state = self.state(program.name)
            if state is not None and _runs(files, state, digest=digest, before=before):
                return True
            if state is not None:
                self._take_out(program.name, timeout_seconds=program.stop_seconds)
            self._call("reloadConfig")
            self._call("addProcessGroup", program.name, tolerated={_ALREADY_ADDED})
            return False

    def remove(self, name: str, *, timeout_seconds: float) -> None:
        """Stop it and forget it. Returns when none of its processes is left, at most `timeout_seconds` after SIGTERM.

        Does without the daemon when there is none.
        """
        files = ProgramFiles(self._home.supervisor, name)
        with self._changing(name):
            files.section.unlink(missing_ok=True)
            if self.is_running():
                self._take_out(name, timeout_seconds=timeout_seconds)
                self._call("reloadConfig")
            _end(files, timeout_seconds=timeout_seconds)
            files.forget()

    def ask_to_stop(self, name: str) -> bool:
        """Ask it to stop and wait for nothing; whether it has. One that was asked may be asked again."""
        return self._has_stopped(ProgramFiles(self._home.supervisor, name))

    def stop(self, name: str, *, timeout_seconds: float) -> None:
        """Stop it and keep it, for the next `start` of the daemon. Returns when none of its processes is left."""
        files = ProgramFiles(self._home.supervisor, name)
        if not until(lambda: self._has_stopped(files), seconds=timeout_seconds + _KILL_SECONDS):
            raise unavailable(f"cannot stop {name}")
        _end(files, timeout_seconds=timeout_seconds)

    def shut_down(self, *, timeout_seconds: float) -> None:
        """Stop all programs, highest priority first, and then the daemon. Does with a daemon that hangs or is gone."""
        end_daemon(self._home, timeout_seconds=timeout_seconds)
        self.end_orphans(timeout_seconds=timeout_seconds)
        self._socket.unlink(missing_ok=True)

    def end_orphans(self, *, timeout_seconds: float) -> None:
        """End what a daemon that was killed left running. Not while one runs."""
        orphans = [files for files in ProgramFiles.all(self._home) if files.generation.exists()]
        with ThreadPoolExecutor(max_workers=len(orphans) or 1) as pool:
            list(pool.map(partial(_end, timeout_seconds=timeout_seconds), orphans))

    def has_orphans(self) -> bool:
        """Whether a program's processes are there, though their daemon may not be."""
        generations = [Generation.read(files.generation) for files in ProgramFiles.all(self._home)]
        return any(generation.members() for generation in generations if generation is not None)

    def signal(self, name: str, signal_name: str) -> None:
        """Send a signal (`HUP`) to the program's first process. One that has no process now: nothing to do."""
        self._call("signalProcess", name, signal_name, tolerated={_NOT_RUNNING, _FAILED})

    def state(self, name: str) -> ProgramState | None:
        """What the program does; None when there is none of that name."""
        info = self._call("getProcessInfo", name, tolerated={_BAD_NAME})
        return None if info is None else _program_state(info)

    def states(self) -> Sequence[ProgramState]:
        """What every program does."""
        return [_program_state(info) for info in self._call("getAllProcessInfo")]

    def _has_stopped(self, files: ProgramFiles) -> bool:
        """Whether it has; if not, the command is repeated."""
        state = self.state(files.name)
        if state is not None and state.state.is_up:
            do_wait = False
            self._call("stopProcess", files.name, do_wait, tolerated={_NOT_RUNNING, _FAILED, _BAD_NAME})
            return False
        if state is None or state.pid is None:
            return True
        generation = Generation.read(files.generation)
        if generation is None or generation.group != state.pid:
            # Between fork and exec a signal meets supervisord's own handler and is lost.
            self.signal(files.name, "TERM")
        return False

    def _take_out(self, name: str, *, timeout_seconds: float) -> None:
        self.stop(name, timeout_seconds=timeout_seconds)
        self._call("removeProcessGroup", name, tolerated={_BAD_NAME})

    def _call(
        self,
        method: str,
        *arguments: str | bool,
        tolerated: AbstractSet[int] = frozenset(),
    ) -> Any:
        """The answer, or None for a fault that is tolerated."""
        try:
            return call(self._socket, method, *arguments, timeout=_ANSWER_SECONDS, password=password(self._home))
        except SupervisorFault as exc:
            if exc.code in tolerated:
                return None
            raise unavailable(f"refused {method}: {exc}") from exc
        except (SupervisorGone, SupervisorSilent) as exc:
            raise unavailable(f"does not answer: {exc}") from exc

    @contextmanager
    def _changing(self, name: str) -> Iterator[None]:
        locks = self._home.supervisor / "locks"
        self._home.make()
        locks.mkdir(mode=0o700, exist_ok=True)
        with locked(locks / name):
            yield


def _runs(files: ProgramFiles, state: ProgramState, *, digest: str, before: str | None) -> bool:
    """Whether what runs is what the launch file says now.

    A start that has not recorded itself yet may have read the file just before it was written.
    """
    if not state.state.is_up:
        return False
    generation = Generation.read(files.generation)
    if generation is None or generation.group != state.pid:
        return digest == before
    return generation.digest == digest


def _end(files: ProgramFiles, *, timeout_seconds: float) -> None:
    generation = Generation.read(files.generation)
    if generation is not None:
        generation.end(timeout_seconds=timeout_seconds)


def _program_state(info: dict[str, Any]) -> ProgramState:
    return ProgramState(
        name=info["name"],
        state=ProcessState(info["statename"]),
        pid=info["pid"] or None,
        started_at=datetime.fromtimestamp(info["start"], UTC) if info["start"] else None,
        log=Path(info["stdout_logfile"]),
    )
