"""Runs notebooks as runs of Databricks' Jobs API.

A run's identity there is an idempotency token that is made of our key, so submitting twice begins one run, however
often we are killed in between. The folder of a run here has its id, its log and its outcome; whoever observes a run
asks the service, at most every few seconds, and writes down what is new. Nothing here waits for the service but
`cancel`, as its contract says.
"""

import hashlib
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import IO, Any

from modelyard.adapters.runner.databricks_notebook import databricks_notebook
from modelyard.adapters.runner.databricks_states import DatabricksRun, outcome_of
from modelyard.adapters.runner.databricks_workspace import DatabricksWorkspace, Output, Submission
from modelyard.adapters.runner.run_folder import RunFolder, read_json, write_json
from modelyard.adapters.runner.run_store import RunStore
from modelyard.errors import Invalid, NotFound, Unavailable
from modelyard.file_lock import locked, open_lock, try_lock
from modelyard.ports.environments import Lock, LogLine
from modelyard.ports.log import LogPart
from modelyard.ports.runner import RunOutcome, RunPhase, RunSpec
from modelyard.ports.tracking import Tracking

_RUNNING = RunOutcome(RunPhase.RUNNING)
_CANCELLED = RunOutcome(RunPhase.FINISHED, exit_code=-15, reason="The run was cancelled.")
_UNKNOWN_END = "Databricks did not say how the run ended"
_APPEARS_SECONDS = 120
"""How long a run that was accepted may be unknown to the service."""
_SPARE_SECONDS = 3600
"""Beyond its limits, until a run of which nothing is heard is given up."""
_CANCEL_SECONDS = 120
_PAUSE_SECONDS = 0.2
_NO_NAME = re.compile(r"[^\w.-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabricksOptions:
    """How runs are made."""

    folder: str
    """In the workspace, for the notebooks while they run."""
    experiments: str
    """In the workspace, for the experiments."""
    cluster: Mapping[str, Any] = field(default_factory=dict)
    installs: bool = True
    tracking_uri: str = "databricks"
    start_seconds: float = 1800.0
    poll_seconds: float = 5.0


class DatabricksRunner:
    """Keeps the contract of `Runner` for notebooks.

    Args:
        store: the folders of the runs.
        workspace: of Databricks.
        installation: the id of this installation.
        tracking: the tracking server that notebooks log to; None where it is the control plane's.
    """

    def __init__(
        self,
        store: RunStore,
        workspace: DatabricksWorkspace,
        *,
        installation: Callable[[], str],
        options: DatabricksOptions,
        tracking: Tracking | None,
    ) -> None:
        self._store = store
        self._workspace = workspace
        self._installation = installation
        self._options = options
        self.foreign_tracking = tracking
        self.start_seconds = options.start_seconds
        self._locks: dict[str, Lock] = {}
        self._asked: dict[str, float] = {}
        """When the service was last asked of a run."""

    @property
    def tracking_uri(self) -> str:
        """The tracking server as notebooks reach it."""
        return self._options.tracking_uri

    def check(self, *, is_notebook: bool, has_project: bool, has_secrets: bool) -> None:
        """Refuse what cannot be run there.

        Raises:
            Invalid: code `runner_cannot`.
        """
        if not is_notebook:
            raise _cannot("script_name", "expected a notebook for a runner of Databricks, got a script")
        if has_project:
            raise _cannot("project", "expected a notebook alone for a runner of Databricks, got a project")
        if has_secrets:
            raise _cannot(
                "secrets",
                "expected none for a runner of Databricks, where notebooks and parameters can be read by others: keep "
                "them in a secret scope of the workspace",
            )

    def prepare(self, lock: Lock, *, driver: Lock | None = None, log: LogLine) -> None:  # noqa: ARG002
        """Remember what the lock says; it is installed where the notebook runs."""
        self._locks[lock.digest] = lock

    def start(self, spec: RunSpec) -> None:
        """Put the notebook into the workspace, and submit it."""
        self.check(
            is_notebook=spec.notebook_driver is not None, has_project=spec.project is not None, has_secrets=False
        )
        lock = self._locks.get(spec.python_environment)
        if lock is None:
            raise Unavailable("The lock of the run is not known here.", code="run_image_absent")
        run = self._store.place(spec.run_key)
        run.make()
        with locked(run.lock):
            if run.outcome.exists() or run.place.exists():
                return
            known = read_json(run.started) or {"at": time.time(), "seconds": spec.limits.seconds}
            write_json(run.started, known)
            run.log.touch(mode=0o600)
            write_json(run.place, {"run_id": self._submit(spec, lock)})

    def observe(self, run_key: str) -> RunOutcome:
        """Ask the service, if nobody does now or did a moment ago."""
        run = self._store.place(run_key)
        if (outcome := self._store.outcome(run_key)) is not None:
            return outcome
        if not run.place.exists():
            return RunOutcome(RunPhase.UNKNOWN)
        with _turn(run) as is_ours:
            if not is_ours or time.monotonic() - self._asked.get(run_key, float("-inf")) < self._options.poll_seconds:
                return _RUNNING
            self._asked[run_key] = time.monotonic()
            return self._store.outcome(run_key) or self._follow(run_key, run)

    def cancel(self, run_key: str) -> None:
        """Ask the service to end the run, until it has."""
        run = self._store.place(run_key)
        if not run.path.exists() or self._store.outcome(run_key) is not None:
            return
        if not run.place.exists() and not self._find(run_key, run):
            return
        deadline = time.monotonic() + _CANCEL_SECONDS
        while True:
            with suppress(NotFound):
                self._workspace.cancel(self._run_id(run))
            self._asked.pop(run_key, None)
            if self.observe(run_key).phase is not RunPhase.RUNNING:
                return
            if time.monotonic() > deadline:
                raise Unavailable("Databricks has not ended the run yet.", code="runner_unavailable")
            time.sleep(_PAUSE_SECONDS)

    def discard(self, run_key: str) -> None:
        """Nothing of it lies here but its log and its outcome."""
        self._store.discard(run_key)

    def forget(self, run_key: str) -> None:
        """Remove the run's folder, and the notebook's in the workspace."""
        if self._store.place(run_key).path.exists():
            self._workspace.delete(self._folder(run_key))
            self._store.forget(run_key)

    def log_size(self, run_key: str) -> int:
        """Of what was written down of it."""
        return self._store.log_size(run_key)

    def read_log(self, run_key: str, offset: int) -> LogPart:
        """A part of that."""
        return self._store.read_log(run_key, offset, has_ended=self._store.place(run_key).outcome.exists())

    def files(self, run_key: str, folder: str) -> Sequence[str]:
        """None: what a notebook writes stays there."""
        return self._store.files(run_key, folder)

    def open_file(self, run_key: str, path: str) -> AbstractContextManager[IO[bytes]]:
        """None."""
        return self._store.open_file(run_key, path)

    def _find(self, run_key: str, run: RunFolder) -> bool:
        """Whether the run was submitted after all, by somebody who was killed before that was written down."""
        if not run.started.exists():
            return False
        with locked(run.lock):
            if (run_id := self._workspace.find(self._name(run_key))) is not None:
                write_json(run.place, {"run_id": run_id})
                return True
            self._write(run_key, run, _CANCELLED)
        return False

    def _submit(self, spec: RunSpec, lock: Lock) -> int:
        options = self._options
        environment = dict(spec.environment)
        if options.tracking_uri.startswith("databricks"):
            environment["MLFLOW_EXPERIMENT_NAME"] = self._experiment(environment["MLFLOW_EXPERIMENT_NAME"])
            self._workspace.make_folder(options.experiments)
        content = databricks_notebook(
            spec.script_content or "", lock=lock if options.installs else None, environment=environment
        )
        name = self._name(spec.run_key)
        notebook = self._workspace.import_notebook(self._folder(spec.run_key), "notebook", content)
        return self._workspace.submit(
            Submission(token=name, name=name, notebook=notebook, seconds=spec.limits.seconds, cluster=options.cluster)
        )

    def _follow(self, run_key: str, run: RunFolder) -> RunOutcome:
        started = {"at": time.time(), "seconds": 0.0} | (read_json(run.started) or {})
        waited = time.time() - started["at"]
        try:
            found = self._workspace.run(self._run_id(run))
            output = self._output(found)
        except NotFound:
            return _RUNNING if waited < _APPEARS_SECONDS else self._write(run_key, run, _lost())
        except (Unavailable, Invalid) as error:  # Credentials that have expired may be renewed.
            if waited > started["seconds"] + self.start_seconds + _SPARE_SECONDS:
                return self._write(run_key, run, _lost(error.message))
            return RunOutcome(RunPhase.RUNNING, reason=error.message) if isinstance(error, Invalid) else _RUNNING
        outcome = outcome_of(found, error=output.error, seconds=started["seconds"])
        self._say(run, _lines_of(found, output))
        return outcome if outcome.phase is RunPhase.RUNNING else self._write(run_key, run, outcome)

    def _output(self, found: DatabricksRun) -> Output:
        if not found.has_ended or found.task_run_id is None:
            return Output(None, None, None)
        try:
            return self._workspace.output(found.task_run_id)
        except (NotFound, Invalid):  # Of a run that never began there is none.
            return Output(None, None, None)

    def _write(self, run_key: str, run: RunFolder, outcome: RunOutcome) -> RunOutcome:
        """Keep the outcome, and remove the notebook from the workspace if that answers."""
        with suppress(Unavailable, Invalid):
            self._workspace.delete(self._folder(run_key))
        shutil.rmtree(run.temporary, ignore_errors=True)
        write_json(run.outcome, {"exit_code": outcome.exit_code, "reason": outcome.reason, "tracking_uri": None})
        return outcome

    @staticmethod
    def _say(run: RunFolder, lines: Sequence[str]) -> None:
        """Append what the log does not end with: a state that goes on is named once."""
        content = run.log.read_text(encoding="utf-8", errors="replace") if run.log.exists() else ""
        new = [line for line in lines if line not in content.splitlines()]
        with run.log.open("a", encoding="utf-8", errors="backslashreplace") as log:
            log.writelines(f"{line}\n" for line in new)

    @staticmethod
    def _run_id(run: RunFolder) -> int:
        return int((read_json(run.place) or {})["run_id"])

    def _name(self, run_key: str) -> str:
        """Names it at Databricks, and is its idempotency token."""
        digest = hashlib.sha256(f"{self._installation()}/{run_key}".encode()).hexdigest()
        return f"modelyard-run-{digest[:40]}"

    def _folder(self, run_key: str) -> str:
        return f"{self._options.folder}/{self._name(run_key)}"

    def _experiment(self, name: str) -> str:
        """A path below the folder of experiments, whatever the name is."""
        digest = hashlib.sha256(name.encode()).hexdigest()[:8]
        return f"{self._options.experiments}/{_NO_NAME.sub('-', name)[:100].strip('.-')}-{digest}"


def _lines_of(found: DatabricksRun, output: Output) -> list[str]:
    said = f": {found.message}" if found.message else ""
    state = f"Databricks: {found.life_cycle}{f' {found.result}' if found.result else ''}{said}"
    parts = [f"Databricks: {found.page_url}" if found.page_url else "", state, output.result, output.trace]
    return [line for part in parts if part for line in part.splitlines()]


def _lost(said: str = "") -> RunOutcome:
    reason = f"{_UNKNOWN_END}{f': {said}' if said else '.'}"
    return RunOutcome(RunPhase.FINISHED, exit_code=-9, reason=reason)


def _cannot(field: str, said: str) -> Invalid:
    return Invalid(f"{field}: {said}", code="runner_cannot", field=field)


@contextmanager
def _turn(run: RunFolder) -> Iterator[bool]:
    """Whether nobody else asks of the run now."""
    descriptor = open_lock(run.lock)
    try:
        yield try_lock(descriptor)
    finally:
        os.close(descriptor)
