"""Deployments, undeployments and jobs as `/api/v1/modelserving` shows them."""

from dataclasses import replace
from datetime import datetime

from pydantic import Field

from modelyard.deployments.schemas import PlacedRequest
from modelyard.errors import Invalid
from modelyard.http.bodies import RequestBody
from modelyard.jobs.domain import Job
from modelyard.naming import MAX_TARGET
from modelyard.ports.stable_addresses import ModelAddresses
from modelyard.registry.schemas import Answer
from modelyard.retraining.domain import Changes
from modelyard.retraining.schemas import RecipeBody, RetrainingAnswer
from modelyard.training.schemas import Secrets


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
    force: bool = Field(default=False, description="also what APIs of the gateway lead to")


class InferenceBody(RecipeBody):
    """What trains the next version: what trained this one, but for what is said here."""

    notebook: str | None = Field(
        default=None, max_length=500, description="the path of another notebook in the project that trained the version"
    )
    target: str | None = Field(default=None, max_length=MAX_TARGET, description="the runner, by another name")
    secrets: Secrets = Field(default={}, description="values of the secrets that the version's run had, by name")

    def changes(self) -> Changes:
        """As the service takes it.

        Raises:
            Invalid: code `runner_contradicted`.
        """
        if self.target is not None and self.runner not in (None, self.target):
            raise Invalid(
                f"target: expected the runner '{self.runner}', or only one of the two, got {self.target!r}",
                code="runner_contradicted",
                field="target",
            )
        return replace(
            super().changes(), notebook=self.notebook, secrets=self.secrets, runner=self.runner or self.target
        )


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
    run_id: str | None = Field(description="of a job that trains: the run that logged the new version")
    retraining: RetrainingAnswer | None = Field(description="of an inference: how the new version stands")
    deployment_id: str | None
    deployment_url: str | None
    api_url: str | None = Field(description="the model's stable address at the gateway, of a job that deployed it")
    error: JobErrorAnswer | None
    created_at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, job: Job, addresses: ModelAddresses) -> "ServedJobAnswer":
        """The job on the wire."""
        version, url = job.result.get("model_version"), job.result.get("deployment_url")
        return cls(
            job_id=job.job_id,
            kind=job.kind.name,
            status=job.status,
            phase=job.phase,
            progress=job.progress,
            model_name=job.model_name,
            model_version=None if version is None else str(version),
            image_name=job.result.get("image"),
            run_id=job.result.get("run_id"),
            retraining=RetrainingAnswer.of(job),
            deployment_id=job.result.get("deployment_id"),
            deployment_url=url,
            api_url=None if url is None else addresses.of_model(job.model_name),
            error=None if job.error is None else JobErrorAnswer(code=job.error.code, message=job.error.message),
            created_at=job.created_at,
            finished_at=job.finished_at,
        )
