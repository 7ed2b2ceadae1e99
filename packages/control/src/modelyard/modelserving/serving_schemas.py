"""Deployments, undeployments and jobs as `/api/v1/modelserving` shows them."""

from datetime import datetime

from pydantic import Field

from modelyard.deployments.schemas import PlacedRequest
from modelyard.http.bodies import RequestBody
from modelyard.jobs.domain import Job
from modelyard.naming import MAX_TARGET
from modelyard.registry.schemas import Answer


class DeployBody(PlacedRequest):
    """Where a version shall serve. The target's name may be in any case: `ACI`, `aks`."""

    replicas: int | None = Field(
        default=None, description="1 when it is not given; a deployment that is there keeps what it has"
    )
    namespace: str | None = None
    another: bool = Field(default=False, description="make a further deployment, also where the version serves already")
    replace: bool = Field(
        default=False, description="take the place, at the same address, of the version that serves in the namespace"
    )


class UndeployBody(RequestBody):
    """From where a version shall go; from everywhere, when nothing is said."""

    target: str | None = Field(default=None, max_length=MAX_TARGET)
    namespace: str | None = None


class InferenceBody(RequestBody):
    """Nothing is said yet of the notebook that trains."""


class AcceptedJob(Answer):
    """A job was made."""

    job_id: str
    model_name: str
    status: str
    message: str

    @classmethod
    def of(cls, job: Job, message: str) -> "AcceptedJob":
        """The job on the wire."""
        return cls(
            job_id=job.job_id,
            model_name=job.model_name,
            status=job.status,
            message=f"{message}; follow GET /api/v1/modelserving/jobs/{job.job_id}",
        )


class JobErrorAnswer(Answer):
    """Why a job failed."""

    code: str
    message: str


class ServedJobAnswer(Answer):
    """A job as it stands."""

    job_id: str
    kind: str
    status: str
    phase: str | None
    progress: float
    model_name: str
    model_version: str | None
    image_name: str | None = Field(description="of a job that makes or deploys an image")
    deployment_id: str | None
    deployment_url: str | None
    error: JobErrorAnswer | None
    created_at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, job: Job) -> "ServedJobAnswer":
        """The job on the wire."""
        version = job.result.get("model_version")
        return cls(
            job_id=job.job_id,
            kind=job.kind.name,
            status=job.status,
            phase=job.phase,
            progress=job.progress,
            model_name=job.model_name,
            model_version=None if version is None else str(version),
            image_name=job.result.get("image"),
            deployment_id=job.result.get("deployment_id"),
            deployment_url=job.result.get("deployment_url"),
            error=None if job.error is None else JobErrorAnswer(code=job.error.code, message=job.error.message),
            created_at=job.created_at,
            finished_at=job.finished_at,
        )
