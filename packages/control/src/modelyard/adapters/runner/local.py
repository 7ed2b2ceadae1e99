"""Runs scripts on this machine, each under a supervisor process of its own that outlives the control plane.

The supervisor holds the lock of the run's folder for its life, so that no process id is ever trusted to say whether a
run runs. What a script may read and write is the isolation's, which the script's process enters before it begins.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import IO

from modelyard.adapters.runner.laid_files import lay, placed
from modelyard.adapters.runner.processes import Process, all_processes
from modelyard.adapters.runner.run_folder import RunFolder, read_json, write_json
from modelyard.adapters.runner.run_store import RunStore, checked_script_name
from modelyard.errors import Unavailable
from modelyard.file_lock import open_lock, try_lock
from modelyard.isolation import Confinement, Isolation, system_places
from modelyard.ports.log import LogPart
from modelyard.ports.runner import RunOutcome, RunPhase, RunSpec

_START_SECONDS = 10.0
_END_SECONDS = 20.0
"""How long a supervisor may take to end a run beyond the script's own grace."""
_PAUSE_SECONDS = 0.01
_TRANSIENT_SECONDS = 24 * 3600
_SUPERVISE = "modelyard.adapters.runner.supervise"
_SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"


class LocalRunner:
    """Starts supervisors and reads what they leave, in a folder of its own for each run.

    Args:
        folder: holds the runs: that of the key `job-1/2` in `job-1/run-2`.
        python: the interpreter of a Python environment, by the digest of its lock.
        grace_seconds: how long a script that is asked to end may take before it is killed.
        isolation: what stands between a script and everything that is not its own.
        supervisor: the command of a supervisor, to which the run's folder is added, if it is not this Python's.
    """

    def __init__(
        self,
        folder: Path,
        *,
        python: Callable[[str], Path],
        grace_seconds: float = 10.0,
        isolation: Isolation,
        supervisor: Sequence[str] | None = None,
    ) -> None:
        self._store = RunStore(folder)
        self._python = python
        self._grace_seconds = grace_seconds
        self._isolation = isolation
        self._supervisor = supervisor

    def start(self, spec: RunSpec) -> None:
        """Write down what to run, and start its supervisor, which takes the folder's lock over from us."""
        script_name = checked_script_name(spec)
        run = self.place(spec.run_key)
        if spec.is_transient:
            self._sweep(run.path.parent)
        run.make()
        with _turn(run) as descriptor:
            if descriptor is None:
                return
            if spec.project is not None:
                lay(spec.project, run.work)
            if spec.script_content is not None:
                with (run.work / script_name).open("w", encoding="utf-8", newline="") as script:
                    script.write(spec.script_content)
            run.log.touch(mode=0o600)
            write_json(run.spec, self._written(spec, run))
            command = self._supervisor or (sys.executable, "-I", "-m", _SUPERVISE)
            _start_supervisor(command, run, descriptor, spec.secrets)

    def observe(self, run_key: str) -> RunOutcome:
        """Read the run's files, and try its lock."""
        if (outcome := self._store.outcome(run_key)) is not None:
            return outcome
        run = self.place(run_key)
        if _is_running(run):
            return RunOutcome(RunPhase.RUNNING)
        is_lost = run.started.exists()
        return self._store.outcome(run_key) or RunOutcome(RunPhase.LOST if is_lost else RunPhase.UNKNOWN)

    def cancel(self, run_key: str) -> None:
        """Ask the supervisor to end the run; where there is none any more, end what it left."""
        run = self.place(run_key)
        if _is_running(run):
            run.cancel.touch()
            self._wait_for_end(run)
        if self.observe(run_key).phase is RunPhase.LOST:
            _kill_left_over(run)

    def discard(self, run_key: str) -> None:
        """Remove the folders that the script may write to, and copies of what it was given."""
        self._store.discard(run_key)

    def forget(self, run_key: str) -> None:
        """Remove the run's folder."""
        self._store.forget(run_key)

    def log_size(self, run_key: str) -> int:
        """Of the log in the run's folder."""
        return self._store.log_size(run_key)

    def read_log(self, run_key: str, offset: int) -> LogPart:
        """A part of that log. Its supervisor writes nothing after the outcome."""
        has_ended = self.observe(run_key).phase in {RunPhase.FINISHED, RunPhase.LOST}
        return self._store.read_log(run_key, offset, has_ended=has_ended)

    def files(self, run_key: str, folder: str) -> Sequence[str]:
        """Those in the run's folder."""
        return self._store.files(run_key, folder)

    def open_file(self, run_key: str, path: str) -> AbstractContextManager[IO[bytes]]:
        """The file in the run's folder."""
        return self._store.open_file(run_key, path)

    def place(self, run_key: str) -> RunFolder:
        """The run's folder."""
        return self._store.place(run_key)

    @staticmethod
    def key_of(folder: Path) -> str:
        """The key of the run whose folder this is."""
        return RunStore.key_of(folder)

    def _sweep(self, ours: Path) -> None:
        """Remove what transient runs left whose starter was killed a day ago or earlier."""
        before = time.time() - _TRANSIENT_SECONDS
        for folder in self._store.folder.glob(f"{_name_of_kind(ours.name)}-*"):
            with suppress(FileNotFoundError):  # Its own starter has just removed it.
                if folder != ours and folder.stat().st_mtime < before:
                    shutil.rmtree(folder, ignore_errors=True)

    def _written(self, spec: RunSpec, run: RunFolder) -> dict[str, object]:
        python = self._python(spec.python_environment)
        inputs = {variable: placed(tree, run.inputs / variable) for variable, tree in spec.inputs.items()}
        driver = None if spec.notebook_driver is None else self._python(spec.notebook_driver)
        drivers = [] if driver is None else system_places.of_python(driver)
        confinement = Confinement.of(
            self._isolation,
            python=python,
            writable=[run.work, run.temporary],
            readable=[*inputs.values(), *drivers],
        )
        own = {
            "PATH": f"{python.parent}:{_SYSTEM_PATH}",
            "HOME": str(run.work),
            "TMPDIR": str(run.temporary),
            **{variable: str(folder) for variable, folder in inputs.items()},
        }
        return {
            "confinement": confinement.to_dict(),
            "run_key": spec.run_key,
            "python": str(python),
            "notebook_driver": None if driver is None else str(driver),
            "script_name": spec.script_name,
            "arguments": list(spec.arguments),
            "environment": {**spec.environment, **own},
            "seconds": spec.limits.seconds,
            "memory_bytes": spec.limits.memory_bytes,
            "output_bytes": spec.limits.output_bytes,
            "disk_bytes": spec.limits.disk_bytes,
            "grace_seconds": self._grace_seconds,
        }

    def _wait_for_end(self, run: RunFolder) -> None:
        deadline = time.monotonic() + self._grace_seconds + _END_SECONDS
        while _is_running(run):
            if time.monotonic() > deadline:  # It hangs: the lock is held, so the process id is still its own.
                started = read_json(run.started)
                if started is not None:
                    with suppress(ProcessLookupError):
                        os.kill(started["pid"], signal.SIGKILL)
            time.sleep(_PAUSE_SECONDS)


def _name_of_kind(name: str) -> str:
    """What the names of the same kind of transient runs begin with: `trial` of `trial-4f…`."""
    return name.rpartition("-")[0]


@contextmanager
def _turn(run: RunFolder) -> Iterator[int | None]:
    """The folder's lock for the one who shall start the run; None when it was started before.

    Who only looks whether a run runs holds the lock for a moment, so one try would not do.
    """
    descriptor = open_lock(run.lock)
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not run.started.exists():
            if try_lock(descriptor):
                yield None if run.started.exists() else descriptor
                return
            if time.monotonic() > deadline:
                raise Unavailable("The run's folder is held by another process.", code="runner_unavailable")
            time.sleep(_PAUSE_SECONDS)
        yield None
    finally:
        os.close(descriptor)


def _start_supervisor(command: Sequence[str], run: RunFolder, lock: int, secrets: Mapping[str, str]) -> None:
    """Start the supervisor and hand it the secrets through a pipe, so that they stand in no file and no argument."""
    try:
        with run.supervisor_log.open("ab") as log:
            process = subprocess.Popen(
                [*command, str(run.path)],
                cwd=run.path,
                env={"PATH": os.defpath, "LANG": "C.UTF-8"},
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=[lock],
            )
    except OSError as exc:
        reason = exc.strerror or "unknown"
        raise Unavailable(f"The machine cannot start a process now: {reason}.", code="runner_unavailable") from exc
    assert process.stdin is not None  # noqa: S101  # A pipe was asked for.
    with suppress(BrokenPipeError), process.stdin as pipe:  # When it broke, the supervisor is gone and the run is lost.
        pipe.write(json.dumps(dict(secrets)).encode())
    # While we live, the supervisor is our child: somebody has to take its exit status.
    threading.Thread(target=process.wait, name=f"run-{process.pid}", daemon=True).start()


def _is_running(run: RunFolder) -> bool:
    if not run.lock.exists():
        return False
    descriptor = open_lock(run.lock)
    try:
        return not try_lock(descriptor, shared=True)
    finally:
        os.close(descriptor)


def _kill_left_over(run: RunFolder) -> None:
    """Kill what a supervisor that was itself killed could not: every process whose environment names the folder."""
    place = os.fsencode(f"{run.path}{os.sep}")
    deadline = time.monotonic() + _END_SECONDS
    while left := [process for process in all_processes() if _names(process, place)]:
        for process in left:
            process.send(signal.SIGKILL)
        if time.monotonic() > deadline:
            raise Unavailable("Processes of a run do not end.", code="runner_unavailable")
        time.sleep(_PAUSE_SECONDS)


def _names(process: Process, place: bytes) -> bool:
    return any(value.startswith(place) for value in process.environment())
