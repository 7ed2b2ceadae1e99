"""A workspace of Databricks through its SDK, which is imported at the first call: that takes seconds.

Whom it asks, and with which credentials, is the SDK's unified configuration: the runner's settings, DATABRICKS_…
variables, a profile of `~/.databrickscfg`, or what a cloud gives a machine. Nothing waits or is repeated here.
"""

import base64
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from modelyard.adapters.runner.databricks_states import DatabricksRun
from modelyard.errors import Invalid, ModelyardError, NotFound, Unavailable

_TASK = "notebook"
_UNKNOWN = "UNKNOWN"
_ANSWER_SECONDS = 30
_LONGEST = 400
_ABSENT = "does not exist"
"""How the service says that it has no such run, under the code of a wrong parameter."""


@dataclass(frozen=True, slots=True)
class Submission:
    """A run that shall be begun, once for each token."""

    token: str
    """At most 64 characters."""
    name: str
    notebook: str
    """The path of the notebook in the workspace."""
    seconds: float
    cluster: Mapping[str, Any]
    """`existing_cluster_id` or `new_cluster`; empty for serverless compute."""


@dataclass(frozen=True, slots=True)
class Output:
    """What a run left."""

    result: str | None
    """What the notebook gave to `dbutils.notebook.exit`."""
    error: str | None
    trace: str | None


class Busy(Exception):
    """The SDK wants to wait and repeat a request."""


class DatabricksWorkspace:
    """The calls that runs need.

    Args:
        config: arguments of the SDK's `Config`: `host`, `profile`, …
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._config = dict(config)
        self._opening = threading.Lock()
        self._opened: Any = None

    def import_notebook(self, folder: str, name: str, content: str) -> str:
        """Put a notebook into a folder of the workspace, which is made; gives its path."""
        path = f"{folder}/{name}"
        encoded = base64.b64encode(content.encode()).decode()
        with self._call() as client:
            jupyter = import_module("databricks.sdk.service.workspace").ImportFormat.JUPYTER
            client.workspace.mkdirs(folder)
            client.workspace.import_(path, content=encoded, format=jupyter, overwrite=True)
        return path

    def make_folder(self, path: str) -> None:
        """Have a folder in the workspace."""
        with self._call() as client:
            client.workspace.mkdirs(path)

    def delete(self, path: str) -> None:
        """Remove what is at a path, with all below it; nothing there: nothing to do."""
        try:
            with self._call() as client:
                client.workspace.delete(path, recursive=True)
        except NotFound:
            return

    def submit(self, wanted: Submission) -> int:
        """Begin the run, or find the one that was begun with the same token; gives its id."""
        with self._call() as client:
            jobs = import_module("databricks.sdk.service.jobs")
            task: dict[str, Any] = {
                "task_key": _TASK,
                "notebook_task": {"notebook_path": wanted.notebook, "source": "WORKSPACE"},
            }
            submitted = client.jobs.submit(
                run_name=wanted.name,
                idempotency_token=wanted.token,
                timeout_seconds=max(1, int(wanted.seconds)),
                tasks=[jobs.SubmitTask.from_dict({**task, **wanted.cluster})],
            )
            return int(submitted.response.run_id)

    def find(self, name: str) -> int | None:
        """The id of a run of this name that has not ended."""
        with self._call() as client:
            kind = import_module("databricks.sdk.service.jobs").RunType.SUBMIT_RUN
            found = client.jobs.list_runs(active_only=True, run_type=kind)
            return next((int(run.run_id) for run in found if run.run_name == name), None)

    def run(self, run_id: int) -> DatabricksRun:
        """The run. Raises NotFound."""
        with self._call() as client:
            run = client.jobs.get_run(run_id)
        state, status = run.state, run.status
        details = status.termination_details if status else None
        return DatabricksRun(
            life_cycle=_word(state and state.life_cycle_state) or _word(status and status.state) or _UNKNOWN,
            result=_word(state and state.result_state),
            message=(state.state_message if state else None) or (details.message if details else None) or None,
            code=_word(details and details.code),
            task_run_id=run.tasks[0].run_id if run.tasks else None,
            page_url=run.run_page_url,
        )

    def output(self, task_run_id: int) -> Output:
        """What a task left, of which the service keeps 60 days and the first 5 MB."""
        with self._call() as client:
            found = client.jobs.get_run_output(task_run_id)
        result = found.notebook_output.result if found.notebook_output else None
        return Output(result=result, error=found.error, trace=found.error_trace)

    def cancel(self, run_id: int) -> None:
        """Ask for the run's end, which comes later."""
        with self._call() as client:
            client.jobs.cancel_run(run_id)

    @contextmanager
    def _call(self) -> Iterator[Any]:
        """The SDK's client; what it raises is translated."""
        client = self._client()
        try:
            yield client
        except ModelyardError:
            raise
        except Exception as error:
            raise _translated(error) from error

    def _client(self) -> Any:
        with self._opening:
            if self._opened is None:
                self._opened = _open(self._config)
        return self._opened


def _open(config: Mapping[str, Any]) -> Any:
    try:
        sdk = import_module("databricks.sdk")
        core, clock = import_module("databricks.sdk.core"), import_module("databricks.sdk.clock")
    except ModuleNotFoundError as error:
        raise Invalid(
            "a runner of Databricks needs the package databricks-sdk: install modelyard[databricks]",
            code="runner_options_invalid",
        ) from error
    impatient = type("ImpatientClock", (clock.Clock,), {"time": lambda _: time.time(), "sleep": _refuse_to_wait})
    try:
        return sdk.WorkspaceClient(
            config=core.Config(clock=impatient(), http_timeout_seconds=_ANSWER_SECONDS, product="modelyard", **config)
        )
    except Busy as error:
        raise Unavailable("Databricks does not answer.", code="runner_unavailable") from error
    except Exception as error:
        raise Invalid(f"Databricks: {_said(error)}", code="run_refused") from error


def _refuse_to_wait(_: Any, seconds: float) -> None:
    raise Busy(f"it asks to wait for {seconds:.0f} s")


def _translated(error: Exception) -> ModelyardError:
    kinds = import_module("databricks.sdk.errors")
    if isinstance(error, kinds.Unauthenticated | kinds.PermissionDenied):
        return Invalid(f"Databricks refuses the credentials of the runner: {_said(error)}", code="databricks_refused")
    if isinstance(error, kinds.NotFound) or (isinstance(error, kinds.BadRequest) and _ABSENT in str(error)):
        return NotFound(f"Databricks: {_said(error)}", code="databricks_not_found")
    if isinstance(error, kinds.BadRequest | kinds.ResourceConflict | kinds.NotImplemented):
        return Invalid(f"Databricks refuses the run: {_said(error)}", code="run_refused")
    # What is left passes: 429, 5xx, a connection that breaks, a page of a proxy in place of JSON.
    return Unavailable(f"Databricks does not answer: {_said(error)}", code="runner_unavailable")


def _said(error: Exception) -> str:
    return " ".join(str(error).split())[:_LONGEST] or type(error).__name__


def _word(state: Any) -> str | None:
    return None if state is None else str(getattr(state, "value", state))
