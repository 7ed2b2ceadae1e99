"""Keeps programs alive through supervisord, which outlives whoever asked for them.

One supervisord for one home. Each program is a group of its own, so putting, replacing or removing one never
touches another. It knows nothing of what the programs are.
"""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, Final

from modelyard.adapters.file_lock import locked
from modelyard.atomic_file import replace_text
from modelyard.errors import Unavailable
from modelyard.home import Home
from modelyard.local.environment import Scope, inherited
from modelyard.local.generations import Generation
from modelyard.local.programs import Program, ProgramFiles
from modelyard.local.supervisor_rpc import SupervisorFault, SupervisorGone, SupervisorSilent, call
from modelyard.local.waiting import until

_BAD_NAME: Final = 10
_NOT_RUNNING: Final = 70
_ALREADY_ADDED: Final = 90

_SOCKET_PATH_LIMIT = 90  # A unix socket's path has at most 107 characters, and supervisord adds a dot and its pid.
_ANSWER_SECONDS = 5.0
_START_SECONDS = 20.0
_KILL_SECONDS = 10.0

_CONFIGURATION = """\
[unix_http_server]
file={socket}
chmod=0700

[supervisord]
identifier=modelyard
logfile=%(here)s/supervisord.log
logfile_maxbytes=5MB
logfile_backups=2
pidfile=%(here)s/supervisord.pid
childlogdir=%(here)s
directory=%(here)s
umask=077

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface

[include]
files=conf.d/*.conf
"""


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
        """Whether it has a process, or will have one without being told."""
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
        self._record = home.supervisor / "supervisord.json"

    def is_running(self) -> bool:
        """Whether the daemon is there."""
        return self.pid() is not None

    def pid(self) -> int | None:
        """The daemon's process; None when there is none."""
        try:
            return int(call(self._socket, "getPID", timeout=_ANSWER_SECONDS))
        except SupervisorGone:
            return None
        except (SupervisorSilent, SupervisorFault) as exc:
            raise _unavailable(f"does not answer: {exc}") from exc

    def start(self) -> bool:
        """Start the daemon, and with it all programs that were put and not removed.

        False when it runs already; nothing is done then.
        """
        self._home.make()
        with locked(self._home.supervisor / "start.lock"):
            if self.is_running():
                return False
            self._start_daemon()
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
                self._take_out(program.name, patience=program.stop_seconds)
            self._call("reloadConfig")
            self._call("addProcessGroup", program.name, tolerated={_ALREADY_ADDED})
            return False

    def remove(self, name: str, *, patience: float) -> None:
        """Stop it and forget it. Returns when none of its processes is left, `patience` seconds after SIGTERM at most.

        Does without the daemon when there is none.
        """
        files = ProgramFiles(self._home.supervisor, name)
        with self._changing(name):
            files.section.unlink(missing_ok=True)
            if self.is_running():
                self._take_out(name, patience=patience)
                self._call("reloadConfig")
            _end(files, patience=patience)
            files.forget()

    def stop(self, name: str, *, patience: float) -> None:
        """Stop it and keep it, for the next `start` of the daemon. Returns when none of its processes is left."""
        files = ProgramFiles(self._home.supervisor, name)
        do_wait = False
        self._call("stopProcess", name, do_wait, tolerated={_NOT_RUNNING, _BAD_NAME})
        if not until(lambda: self._has_stopped(files), seconds=patience + _KILL_SECONDS):
            raise _unavailable(f"cannot stop {name}")
        _end(files, patience=patience)

    def shut_down(self, *, patience: float) -> None:
        """Stop all programs, highest priority first, and then the daemon. Does with a daemon that hangs or is gone."""
        with suppress(Unavailable):
            pid = self.pid()
            if pid is not None:
                Generation.of(pid).write(self._record)
                self._call("shutdown")
        daemon = Generation.read(self._record)
        if daemon is not None:
            daemon.end(patience=patience)
        self.end_orphans(patience=patience)
        for leftover in (self._record, self._socket):
            leftover.unlink(missing_ok=True)

    def end_orphans(self, *, patience: float) -> None:
        """End what a daemon that was killed left running. Not while one runs."""
        orphans = [files for files in ProgramFiles.all(self._home) if files.generation.exists()]
        with ThreadPoolExecutor(max_workers=len(orphans) or 1) as pool:
            list(pool.map(partial(_end, patience=patience), orphans))

    def has_orphans(self) -> bool:
        """Whether a program's processes are there, though their daemon may not be."""
        generations = [Generation.read(files.generation) for files in ProgramFiles.all(self._home)]
        return any(generation.members() for generation in generations if generation is not None)

    def signal(self, name: str, signal_name: str) -> None:
        """Send a signal (`HUP`) to the program's first process. One that has no process now: nothing to do."""
        self._call("signalProcess", name, signal_name, tolerated={_NOT_RUNNING})

    def state(self, name: str) -> ProgramState | None:
        """What the program does; None when there is none of that name."""
        info = self._call("getProcessInfo", name, tolerated={_BAD_NAME})
        return None if info is None else _program_state(info)

    def states(self) -> Sequence[ProgramState]:
        """What every program does."""
        return [_program_state(info) for info in self._call("getAllProcessInfo")]

    def _has_stopped(self, files: ProgramFiles) -> bool:
        state = self.state(files.name)
        if state is None or state.pid is None:
            return True
        generation = Generation.read(files.generation)
        if generation is None or generation.group != state.pid:
            # Between fork and exec a signal meets supervisord's own handler and is lost, so it is sent again.
            self.signal(files.name, "TERM")
        return False

    def _start_daemon(self) -> None:
        previous = Generation.read(self._record)
        if previous is not None:  # It does not answer, so it must not stand in the way of the next one.
            previous.end(patience=1)
        self._socket.unlink(missing_ok=True)
        configuration = self._home.supervisor / "supervisord.conf"
        (self._home.supervisor / "conf.d").mkdir(mode=0o700, exist_ok=True)
        replace_text(configuration, _CONFIGURATION.format(socket=self._socket))
        started = subprocess.run(
            [sys.executable, "-P", "-m", "supervisor.supervisord", "-c", str(configuration)],
            env=inherited(Scope.SERVICE, os.environ),
            cwd=self._home.supervisor,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_START_SECONDS,
            check=False,
        )
        if started.returncode != 0:
            reason = (started.stderr.strip() or started.stdout.strip()).splitlines()[-1:]
            raise _unavailable(f"does not start: {' '.join(reason) or f'exit code {started.returncode}'}")
        self._await_daemon()

    def _await_daemon(self) -> None:
        until(self.is_running, seconds=_START_SECONDS)
        pid = self.pid()
        if pid is None:
            raise _unavailable("started and does not answer")
        Generation.of(pid).write(self._record)

    def _take_out(self, name: str, *, patience: float) -> None:
        self.stop(name, patience=patience)
        self._call("removeProcessGroup", name, tolerated={_BAD_NAME})

    def _call(
        self,
        method: str,
        *arguments: str | bool,
        tolerated: AbstractSet[int] = frozenset(),
    ) -> Any:
        """The answer, or None for a fault that is tolerated."""
        try:
            return call(self._socket, method, *arguments, timeout=_ANSWER_SECONDS)
        except SupervisorFault as exc:
            if exc.code in tolerated:
                return None
            raise _unavailable(f"refused {method}: {exc}") from exc
        except (SupervisorGone, SupervisorSilent) as exc:
            raise _unavailable(f"does not answer: {exc}") from exc

    @contextmanager
    def _changing(self, name: str) -> Iterator[None]:
        locks = self._home.supervisor / "locks"
        self._home.make()
        locks.mkdir(mode=0o700, exist_ok=True)
        with locked(locks / name):
            yield


def socket_path(home: Home) -> Path:
    """Where the daemon of this home listens: in the home, or, when that path is too long, in a private folder."""
    inside = home.supervisor / "supervisor.sock"
    if len(os.fsencode(inside)) <= _SOCKET_PATH_LIMIT:
        return inside
    private = Path(f"/tmp/modelyard-{os.getuid()}")  # noqa: S108  # Checked below: ours, and closed to all others.
    private.mkdir(mode=0o700, exist_ok=True)
    found = private.lstat()
    if found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise Unavailable(
            f"{private} must be a folder that only you can use; it is somebody else's or open to others.",
            code="supervisor_unavailable",
        )
    return private / f"{hashlib.sha256(os.fsencode(home.root)).hexdigest()[:24]}.sock"


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


def _unavailable(what: str) -> Unavailable:
    return Unavailable(f"The process supervisor {what}.", code="supervisor_unavailable")


def _end(files: ProgramFiles, *, patience: float) -> None:
    generation = Generation.read(files.generation)
    if generation is not None:
        generation.end(patience=patience)


def _program_state(info: dict[str, Any]) -> ProgramState:
    return ProgramState(
        name=info["name"],
        state=ProcessState(info["statename"]),
        pid=info["pid"] or None,
        started_at=datetime.fromtimestamp(info["start"], UTC) if info["start"] else None,
        log=Path(info["stdout_logfile"]),
    )
