"""Runs scripts on this machine, each under a supervisor process of its own that outlives the control plane.

The supervisor holds the lock of the run's folder for its life, so that no process id is ever trusted to say whether a
run runs. What a script may read and write is the isolation's, which the script's process enters before it begins.
"""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

import psutil

from modelyard.adapters.runner.run_folder import RunFolder, read_json, write_json
from modelyard.errors import Invalid, Unavailable
from modelyard.file_lock import open_lock, try_lock
from modelyard.isolation import Confinement, Isolation
from modelyard.ports.runner import RunOutcome, RunPhase, RunSpec

_START_SECONDS = 10.0
_END_SECONDS = 20.0
"""How long a supervisor may take to end a run beyond the script's own grace."""
_PAUSE_SECONDS = 0.01


class LocalRunner:
    """Starts supervisors and reads what they leave.

    Args:
        grace_seconds: how long a script that is asked to end may take before it is killed.
        isolation: what stands between a script and everything that is not its own.
    """

    def __init__(self, *, grace_seconds: float = 10.0, isolation: Isolation) -> None:
        self._grace_seconds = grace_seconds
        self._isolation = isolation

    def start(self, spec: RunSpec) -> None:
        """Write down what to run, and start its supervisor, which takes the folder's lock over from us."""
        script_name = _checked(spec)
        run = RunFolder(spec.folder)
        run.make()
        with _turn(run) as descriptor:
            if descriptor is None:
                return
            if spec.project is not None:
                shutil.copytree(spec.project, run.work, dirs_exist_ok=True)
            if spec.script_content is not None:
                with (run.work / script_name).open("w", encoding="utf-8", newline="") as script:
                    script.write(spec.script_content)
            run.log.touch(mode=0o600)
            write_json(run.spec, self._written(spec))
            _start_supervisor(run, descriptor, spec.secrets)

    def observe(self, folder: Path) -> RunOutcome:
        """Read the run's files, and try its lock."""
        run = RunFolder(folder)
        outcome = _outcome(run)
        if outcome is not None:
            return outcome
        if _is_running(run):
            return RunOutcome(RunPhase.RUNNING)
        return _outcome(run) or RunOutcome(RunPhase.LOST if run.started.exists() else RunPhase.UNKNOWN)

    def cancel(self, folder: Path) -> None:
        """Ask the supervisor to end the run; where there is none any more, end what it left."""
        run = RunFolder(folder)
        if _is_running(run):
            run.cancel.touch()
            self._wait_for_end(run)
        if self.observe(folder).phase is RunPhase.LOST:
            _kill_left_over(run)

    def discard(self, folder: Path) -> None:
        """Remove the folders that the script may write to."""
        run = RunFolder(folder)
        for place in (run.work, run.temporary):
            shutil.rmtree(place, ignore_errors=True)

    def log_path(self, folder: Path) -> Path:
        """The log in the run's folder."""
        return RunFolder(folder).log

    def _written(self, spec: RunSpec) -> dict[str, object]:
        run = RunFolder(spec.folder)
        confinement = Confinement.of(
            self._isolation, python=spec.python, writable=[run.work, run.temporary], readable=spec.readable
        )
        return {
            "confinement": confinement.written(),
            "run_key": spec.run_key,
            "python": str(spec.python),
            "script_name": spec.script_name,
            "arguments": list(spec.arguments),
            "environment": dict(spec.environment),
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
                    with suppress(psutil.NoSuchProcess):
                        psutil.Process(started["pid"]).kill()
            time.sleep(_PAUSE_SECONDS)


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


def _start_supervisor(run: RunFolder, lock: int, secrets: Mapping[str, str]) -> None:
    """Start the supervisor and hand it the secrets through a pipe, so that they stand in no file and no argument."""
    try:
        with run.supervisor_log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-I", "-m", "modelyard.adapters.runner.supervise", str(run.path)],
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


def _checked(spec: RunSpec) -> str:
    place = PurePosixPath(spec.script_name)
    is_below = bool(place.parts) and not place.is_absolute() and not {"..", "."} & set(place.parts)
    is_plain = not {"\\", "\0"} & set(spec.script_name) and (spec.project is not None or len(place.parts) == 1)
    if not (is_below and is_plain):
        raise Invalid(
            f"script_name: expected a file's name without a folder, got {spec.script_name!r}.",
            code="script_name_invalid",
            field="script_name",
        )
    return spec.script_name


def _outcome(run: RunFolder) -> RunOutcome | None:
    ended = read_json(run.outcome)
    if ended is None:
        return None
    return RunOutcome(
        RunPhase.FINISHED,
        exit_code=ended["exit_code"],
        reason=ended["reason"],
        tracking_uri=ended.get("tracking_uri"),
    )


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
    while left := [process for process in psutil.process_iter() if _names(process, place)]:
        for process in left:
            with suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(left, timeout=_END_SECONDS)


def _names(process: psutil.Process, place: bytes) -> bool:
    try:
        return any(os.fsencode(value).startswith(place) for value in process.environ().values())
    except (psutil.Error, OSError):
        return False
