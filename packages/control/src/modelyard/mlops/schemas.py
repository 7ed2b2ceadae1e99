"""What `/mlops` takes and gives, as it stands on the wire."""

from datetime import datetime
from typing import Any

from pydantic import Field

from modelyard.http.bodies import RequestBody
from modelyard.jobs.domain import Job
from modelyard.jobs.states import JobStatus, Phase
from modelyard.registry.schemas import Answer, GivenBody


class TrainingRequest(RequestBody):
    """A training script and what it needs."""

    script_name: str
    script_content: str
    requirements: list[str] = Field(default=[], description="PEP 508 names, e.g. `scikit-learn>=1.5`")
    experiment_name: str | None = Field(default=None, description="the model's name when it is not given")
    model_name: str | None = Field(default=None, description="the script's own name when it is not given")
    logged_model: str | None = Field(default=None, description="which model is meant, when the script logs several")
    timeout_seconds: float | None = None


class DeployRequest(RequestBody):
    """One click: a script that shall be trained, registered, built and deployed."""

    script_name: str
    script_content: str
    model_name: str
    requirements: list[str] = Field(default=[], description="PEP 508 names, e.g. `scikit-learn>=1.5`")
    experiment_name: str | None = Field(default=None, description="the model's name when it is not given")
    replicas: int | None = Field(
        default=None, description="1 when it is not given; a deployment whose version is replaced keeps what it has"
    )
    namespace: str | None = None
    replace: bool = Field(
        default=False, description="take the place, at the same address, of the version that serves in the namespace"
    )
    logged_model: str | None = Field(default=None, description="which model is meant, when the script logs several")
    timeout_seconds: float | None = None


class RegistrationRequest(GivenBody):
    """A model of a run that shall be registered by hand: the run, or the model's own address."""

    name: str
    run_id: str | None = Field(default=None, max_length=500)
    model_uri: str | None = Field(default=None, max_length=500, description="`models:/m-…` or `runs:/<run>/<name>`")


class Accepted(Answer):
    """A job was made."""

    job_id: str
    model_name: str
    status: str
    message: str


class ErrorAnswer(Answer):
    """Why a job failed."""

    code: str
    message: str


class JobAnswer(Answer):
    """A job as it stands."""

    job_id: str
    kind: str
    status: str
    phase: str | None
    progress: float
    model_name: str
    model_version: int | None
    run_id: str | None
    experiment_name: str | None
    deployment_id: str | None
    deployment_url: str | None
    error: ErrorAnswer | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    duration_seconds: float | None

    @classmethod
    def of(cls, job: Job) -> "JobAnswer":
        """The job on the wire."""
        return cls(**_job_fields(job))


class DeploymentJobAnswer(JobAnswer):
    """A one-click job, with the contract's own names. Its status is the phase while it runs, then `deployed`."""

    external_ip: str | None
    ecr_image: str | None

    @classmethod
    def of(cls, job: Job) -> "DeploymentJobAnswer":
        """The job on the wire."""
        url = job.result.get("deployment_url")
        fields = _job_fields(job) | {"status": one_click_status(job)}
        return cls(**fields, external_ip=_host(url), ecr_image=job.result.get("image"))


class JobsAnswer(Answer):
    """A page of jobs, newest first."""

    jobs: list[JobAnswer]
    next_cursor: str | None


class ComponentAnswer(Answer):
    """One part of the platform."""

    status: str
    detail: str | None
    url: str | None


class StatusAnswer(Answer):
    """The platform as a whole."""

    status: str
    version: str
    components: dict[str, ComponentAnswer]
    jobs: dict[str, int]
    models: int
    deployments: dict[str, int]
    uptime_seconds: float


def one_click_status(job: Job) -> str:
    """The contract's status of a one-click job."""
    if job.status is JobStatus.SUCCEEDED:
        return "deployed"
    if job.is_final:
        return job.status
    if job.phase is Phase.DEPLOYED:
        return Phase.DEPLOYING  # It is deployed when its job has ended, with all that the answer then tells.
    return "training" if job.phase is None else job.phase


def _host(url: str | None) -> str | None:
    return None if url is None else url.partition("//")[2].partition(":")[0]


def _job_fields(job: Job) -> dict[str, Any]:
    return {
        "job_id": job.job_id,
        "kind": job.kind,
        "status": job.status,
        "phase": job.phase,
        "progress": job.progress,
        "model_name": job.model_name,
        "model_version": job.result.get("model_version"),
        "run_id": job.result.get("run_id"),
        "experiment_name": job.result.get("experiment_name", job.experiment_name),
        "deployment_id": job.result.get("deployment_id"),
        "deployment_url": job.result.get("deployment_url"),
        "error": None if job.error is None else ErrorAnswer(code=job.error.code, message=job.error.message),
        "created_at": job.created_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
        "duration_seconds": job.duration_seconds,
    }
