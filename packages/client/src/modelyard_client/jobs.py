"""Jobs: what they are, and asking for them, their logs and their end."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from modelyard_client.errors import JobFailed
from modelyard_client.log import LogLine, follow, read
from modelyard_client.transport import Transport, path
from modelyard_client.waiting import wait_until
from modelyard_client.wire import Fields

_ENDED = frozenset({"succeeded", "failed", "cancelled"})


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job failed, in one line, and how what it had logged is registered without training again."""

    code: str
    message: str
    remedy: str | None = None
    """The command, where there is one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Submission:
    """A job that was accepted. `deployment_id` is known at once where a version that exists is deployed."""

    job_id: str
    model_name: str | None
    deployment_id: str | None
    status: str
    message: str | None

    @classmethod
    def from_json(cls, value: object) -> "Submission":
        """Read what the API answers with 202."""
        fields = Fields(value, noun="submission")
        return cls(
            job_id=fields.text("job_id"),
            model_name=fields.optional_text("model_name"),
            deployment_id=fields.optional_text("deployment_id"),
            status=fields.text("status"),
            message=fields.optional_text("message"),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """A job as it was when it was read.

    `kind` is training, one_click, retraining, deployment, …; `status` is queued, running, succeeded, failed or
    cancelled; `phase` is what it is at, for example building; `progress` goes from 0 to 1. Times are in UTC.
    """

    job_id: str
    kind: str
    status: str
    phase: str | None
    progress: float
    model_name: str | None
    model_version: int | None
    run_id: str | None
    experiment_name: str | None
    deployment_id: str | None
    deployment_url: str | None
    api_url: str | None
    """The model's stable address at the gateway, of a job that deployed it."""
    source: Mapping[str, Any] | None
    """What it runs, None where it runs no script: `script_name`, `script_sha256`, `project`, `arguments`, `parameters`,
    `environment`, the names of `secrets`, `requirements`, `constraints`, `requires_python`, `git_commit`,
    `git_is_dirty`."""
    logged_models: Sequence[Mapping[str, Any]]
    """What the script logged: `name`, `model_uri` and `run_id` of each."""
    selection: Mapping[str, Any] | None
    """Which of several was registered and which were not: `metric`, `direction`, `chosen`, `others`."""
    retraining: Mapping[str, Any] | None
    """What a retraining found, None of another job: `parent_version`, `production_version`, `standing`,
    `recommendation`, `reasons`, `is_staged`, `stage_reason`, …"""
    error: Failure | None
    is_cancelling: bool
    created_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    duration_seconds: float | None

    @property
    def is_finished(self) -> bool:
        """Whether it has ended, well or not."""
        return self.status in _ENDED

    @property
    def state(self) -> str:
        """Its status, or `cancelling` from the request to cancel it until it has ended."""
        return "cancelling" if self.is_cancelling else self.status

    @property
    def is_succeeded(self) -> bool:
        """Whether it ended well."""
        return self.status == "succeeded"

    def require_success(self) -> "Job":
        """Itself, when it ended well.

        Raises:
            JobFailed: it failed or was cancelled; the message says why.
        """
        if self.is_succeeded:
            return self
        reason = f": {self.error.message}" if self.error else ""
        code = self.error.code if self.error else f"job_{self.status}"
        state = "was cancelled" if self.status == "cancelled" else self.status
        raise JobFailed(f"{self.job_id} {state}{reason}", code=code, job=self)

    @classmethod
    def from_json(cls, value: object) -> "Job":
        """Read a job of the API."""
        fields = Fields(value, noun="job")
        return cls(
            job_id=fields.text("job_id"),
            kind=fields.text("kind"),
            status=fields.text("status"),
            phase=fields.optional_text("phase"),
            progress=fields.optional_number("progress") or 0.0,
            model_name=fields.optional_text("model_name"),
            model_version=fields.optional_numeral("model_version"),
            run_id=fields.optional_text("run_id"),
            experiment_name=fields.optional_text("experiment_name"),
            deployment_id=fields.optional_text("deployment_id"),
            deployment_url=fields.optional_text("deployment_url"),
            api_url=fields.optional_text("api_url"),
            source=fields.optional_mapping("source"),
            logged_models=fields.items("logged_models"),
            selection=fields.optional_mapping("selection"),
            retraining=fields.optional_mapping("retraining"),
            error=_failure(fields.optional_mapping("error")),
            is_cancelling=fields.value("is_cancelling") is True,
            created_at=fields.optional_time("created_at"),
            started_at=fields.optional_time("started_at"),
            finished_at=fields.optional_time("finished_at"),
            duration_seconds=fields.optional_number("duration_seconds"),
        )


class Jobs:
    """`client.jobs`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(
        self,
        *,
        kind: str | None = None,
        status: str | None = None,
        model_name: str | None = None,
        limit: int | None = None,
    ) -> Iterator[Job]:
        """Jobs, the newest first, fetched page by page as they are asked for; all of them without a limit."""
        query = {"kind": kind, "status": status, "model_name": model_name}
        pages = self._transport.pages("/mlops/jobs", plural="jobs", query=query, limit=limit)
        return (Job.from_json(item) for item in pages)

    def get(self, job_id: str) -> Job:
        """One job.

        Raises:
            NotFound: there is no such job.
        """
        return Job.from_json(self._transport.get(path("mlops", "jobs", job_id)))

    def cancel(self, job_id: str) -> Job:
        """Ask a job to stop; it ends as cancelled in a moment.

        Raises:
            Conflict: it has ended already.
        """
        return Job.from_json(self._transport.post(path("mlops", "jobs", job_id, "cancel")))

    def notebook(self, job_id: str) -> bytes:
        """The executed notebook of a job that has ended, well or not, as its `.ipynb` file.

        Raises:
            NotFound: the job runs no notebook, or it has not ended.
        """
        return self._file(job_id, "notebook")

    def notebook_page(self, job_id: str) -> bytes:
        """The same as an HTML page, in which nothing of the notebook's runs.

        Raises:
            NotFound: the job runs no notebook, or it has not ended.
        """
        return self._file(job_id, "notebook.html")

    def _file(self, job_id: str, name: str) -> bytes:
        return self._transport.send("GET", path("mlops", "jobs", job_id, name)).content

    def log(
        self, job_id: str, *, offset: int = 0, tail: int | None = None, limit: int | None = None
    ) -> Sequence[LogLine]:
        """The lines of the log that are there now, from a byte offset on, or the last; at most `limit` bytes."""
        where = path("mlops", "jobs", job_id, "log")
        return read(self._transport, where, offset=offset, tail=tail, limit=limit)

    def follow_log(
        self, job_id: str, *, offset: int = 0, tail: int | None = None, patience: float = 60.0
    ) -> Iterator[LogLine]:
        """The log's lines as they are written, until the job ends. A broken connection is taken up where it broke.

        With `tail`, from the last lines that are there on.

        Raises:
            Unavailable: the control plane has been away for longer than `patience` seconds.
        """
        where = path("mlops", "jobs", job_id, "log")
        return follow(self._transport, where, offset=offset, tail=tail, patience=patience)

    def wait(
        self,
        job_id: str,
        *,
        on_change: Callable[[Job], None] | None = None,
        timeout: float | None = None,
        patience: float = 60.0,
    ) -> Job:
        """The job once it has ended, well or not; `.require_success()` turns a bad end into an exception.

        Args:
            on_change: called with the job at once and whenever its status, phase, progress or results change.
            timeout: seconds to wait at most; None to wait for as long as it takes.
            patience: seconds for which the control plane may be away (jobs survive its restart).

        Raises:
            WaitTimedOut: it did not end in time; it goes on.
            Unavailable: the control plane has been away for longer than `patience`.
        """
        return wait_until(
            lambda: self.get(job_id),
            is_done=lambda job: job.is_finished,
            facts=_facts,
            clock=self._transport.clock,
            waiting_for=f"{job_id} to end",
            on_change=on_change,
            timeout=timeout,
            patience=patience,
        )


def _facts(job: Job) -> object:
    return (job.state, job.phase, job.progress, job.model_version, job.run_id, job.deployment_url, job.error)


def _failure(value: Any) -> Failure | None:
    if value is None:
        return None
    fields = Fields(value, noun="job's error")
    remedy = (fields.optional_mapping("remedy") or {}).get("command")
    return Failure(code=fields.text("code"), message=fields.text("message"), remedy=remedy)
