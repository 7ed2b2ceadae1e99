"""The supervisor of one run: `python -m modelyard.adapters.runner.supervise FOLDER`.

It inherits the held lock of the run's folder and keeps it for its life. It starts the script, copies its output to the
log, enforces the limits, ends every process that is left, and writes the outcome. It needs no control plane.

Secrets come on its standard input, as JSON, so that they stand in no file; the log and the outcome show `***` for them.
"""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

from modelyard.adapters.runner import process_tree
from modelyard.adapters.runner.executed_notebook import mask_executed_notebook
from modelyard.adapters.runner.failure import readable_bytes, reason_of, with_isolation_hint
from modelyard.adapters.runner.masking import Mask
from modelyard.adapters.runner.output import CappedLog, Output
from modelyard.adapters.runner.processes import descendants
from modelyard.adapters.runner.program import command_of
from modelyard.adapters.runner.run_folder import RunFolder, read_json, read_note, write_json
from modelyard.isolation import Confinement, Mechanism, accounts

_CHECK_SECONDS = 0.25
_MOST_PROCESSES = 1000
_NOT_STARTED = 127
"""The exit code of a shell for a program that does not start."""


@dataclass(frozen=True, slots=True)
class Breach:
    """Why a run is ended from outside, and whether it may say goodbye."""

    reason: str
    is_gentle: bool


class Supervision:
    """One script from its start to its last process."""

    def __init__(self, run: RunFolder, spec: dict[str, Any], secrets: dict[str, str], log: CappedLog) -> None:
        self._run = run
        self._spec = spec
        self._secrets = secrets
        self._log = log
        self._confinement = _confinement(spec)
        self._is_notebook = spec.get("notebook_driver") is not None
        self._what = "The notebook" if self._is_notebook else "The script"
        self._breach: Breach | None = None
        self._kill_at = float("inf")

    def run(self) -> tuple[int, str | None]:
        """Run the script; gives its exit code and why it did not end well."""
        try:
            process = self._start()
        except OSError as exc:
            return _NOT_STARTED, f"The environment's Python does not start: {exc.strerror}."
        except subprocess.SubprocessError:
            return _NOT_STARTED, f"The isolation '{self._confinement.mechanism}' cannot be set up, so nothing was run."
        assert process.stdout is not None  # noqa: S101  # `_start` asked for a pipe.
        output = Output(process.stdout.fileno(), self._log)
        try:
            status = self._watch(process.pid, output)
        finally:
            ended = process_tree.end_all()
        output.drain()
        self._log.finish()
        if status is None:
            status = ended.get(process.pid, int(signal.SIGKILL))
        process.returncode = os.waitstatus_to_exitcode(status)
        return self._judged(process.returncode)

    def _start(self) -> subprocess.Popen[bytes]:
        if self._confinement.user is not None:
            self._hand_over(self._confinement.user)
        limit = process_tree.confinement(disk_bytes=self._spec["disk_bytes"])

        def begin() -> None:
            self._confinement.enter()
            limit()  # Afterwards, since the signal of a parent's death is forgotten when the user changes.

        return subprocess.Popen(
            command_of(self._run, self._spec),
            cwd=self._run.work,
            env={**self._spec["environment"], **self._secrets},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=begin,  # noqa: PLW1509  # One thread only.
        )

    def _hand_over(self, user: int) -> None:
        """Give the run's own folders to its user, and let it read what of the home it shall read."""
        for folder in self._confinement.writable:
            accounts.give(folder, user)
        for place in self._confinement.readable:
            if any(place.is_relative_to(home) for home in self._confinement.hidden):
                accounts.open_to_readers(place)

    def _watch(self, script: int, output: Output) -> int | None:
        """Wait for the script's end; gives its wait status, or None when it is left to be killed."""
        started = time.monotonic()
        check_at = started
        while True:
            output.copy(until=min(check_at, self._kill_at))
            status = process_tree.reap().get(script)
            if status is not None:
                return status
            now = time.monotonic()
            if now >= self._kill_at:
                return None
            if now >= check_at and self._breach is None:
                self._breach = self._found(now - started)
                self._end(self._breach)
            if now >= check_at:
                check_at = now + _CHECK_SECONDS

    def _found(self, seconds: float) -> Breach | None:
        """What the run does that it may not, if anything."""
        if self._run.cancel.exists():
            return Breach("The run was cancelled.", is_gentle=True)
        if seconds > self._spec["seconds"]:
            limit = f"{self._spec['seconds']:g} seconds"
            return Breach(f"{self._what} ran longer than its limit of {limit}{self._cell()}.", is_gentle=True)
        processes = descendants()
        if process_tree.resident_bytes(processes) > self._spec["memory_bytes"]:
            limit = readable_bytes(self._spec["memory_bytes"])
            return Breach(f"{self._what} used more memory than its limit of {limit}{self._cell()}.", is_gentle=False)
        if len(processes) > _MOST_PROCESSES:
            said = f"{self._what} started more than {_MOST_PROCESSES} processes at once{self._cell()}."
            return Breach(said, is_gentle=False)
        return None

    def _cell(self) -> str:
        """Where a notebook is, by its own word."""
        cell = read_note(self._run.cell_note) if self._is_notebook else None
        return "" if cell is None else f", in {cell}"

    def _end(self, breach: Breach | None) -> None:
        """Begin to end the run, when there is a reason to."""
        if breach is None:
            return
        self._kill_at = time.monotonic() + (self._spec["grace_seconds"] if breach.is_gentle else 0)
        if breach.is_gentle:
            process_tree.signal_all(signal.SIGTERM)

    def _judged(self, exit_code: int) -> tuple[int, str | None]:
        if self._breach is None:
            reason = self._noted(exit_code) or reason_of(exit_code, self._log.end, disk_bytes=self._spec["disk_bytes"])
            # In a container nothing of ours is hidden, and the operator opens no folders.
            is_confined = self._confinement.mechanism is not Mechanism.NONE and bool(self._confinement.hidden)
            return exit_code, with_isolation_hint(reason) if reason and is_confined else reason
        return exit_code or -signal.SIGTERM, self._breach.reason  # Ended from outside is never ended well.

    def _noted(self, exit_code: int) -> str | None:
        """Why a notebook failed, as what drove it noted."""
        return read_note(self._run.failure_note) if self._is_notebook and exit_code else None


def _confinement(spec: dict[str, Any]) -> Confinement:
    written = Confinement.read(spec["confinement"])
    if written.mechanism is Mechanism.USER:
        return replace(written, user=accounts.user_of(os.getpid()))
    return written


def supervise(run: RunFolder) -> None:
    """Run what the folder says. Who started us has seen, under the lock that we hold now, that nobody did before."""
    spec, secrets = read_json(run.spec), _secrets()
    if spec is None or secrets is None:
        return
    mask = Mask(list(secrets.values()))
    process_tree.adopt_orphans()
    write_json(run.started, {"pid": os.getpid(), "started_at": datetime.now(UTC).isoformat()})
    with run.log.open("ab", buffering=0) as file:
        log = CappedLog(file, limit=spec["output_bytes"], mask=mask)
        exit_code, reason = Supervision(run, spec, secrets, log).run()
    if spec.get("notebook_driver") is not None:
        mask_executed_notebook(run.work, mask.whole)
    noted = read_note(run.tracking_note)
    outcome = {
        "exit_code": exit_code,
        "reason": None if reason is None else mask.whole(reason),
        "tracking_uri": None if noted is None else mask.whole(noted),
    }
    write_json(run.outcome, {**outcome, "ended_at": datetime.now(UTC).isoformat()})


def _secrets() -> dict[str, str] | None:
    """What the starter sends. None when it died before it had sent all: then nothing is started, and others may."""
    try:
        return dict(json.loads(sys.stdin.buffer.read()))
    except ValueError:
        return None


def _leave(_number: int, _frame: object) -> NoReturn:
    raise SystemExit(1)  # By way of `finally`, so that no process is left; without an outcome the run counts as lost.


def supervise_run(folder: Path) -> None:
    """Be the supervisor of the run in this folder."""
    signal.signal(signal.SIGTERM, _leave)
    supervise(RunFolder(folder))


if __name__ == "__main__":
    supervise_run(Path(sys.argv[1]))
