"""What `/mlops` takes and gives, as it stands on the wire."""

import shlex
from dataclasses import fields as dataclass_fields
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from pydantic import Field, JsonValue, model_validator

from modelyard.deployments.kinds import Phase
from modelyard.deployments.schemas import PlacedRequest
from modelyard.errors import Invalid
from modelyard.http.bodies import RequestBody
from modelyard.jobs.domain import Job
from modelyard.jobs.states import JobStatus
from modelyard.ports.stable_addresses import ModelAddresses
from modelyard.registry.schemas import Answer, GivenBody
from modelyard.retraining.schemas import RetrainingAnswer
from modelyard.training.domain import script_sha256
from modelyard.training.runners import name_of
from modelyard.training.schemas import Data, Secrets
from modelyard.training.scripts import GitState, Script

_BEST_OF = "the metric by which the best of several is taken: `accuracy`, `min:rmse`, `max:gain`"


class GitBody(RequestBody):
    """Where the sender's files stand in git."""

    commit: str
    is_dirty: bool = Field(default=False, description="whether there are changes that the commit does not have")


class ScriptRequest(RequestBody):
    """A training script or notebook, or a project that was sent before, and what its run shall have."""

    script_name: str | None = Field(
        default=None, description="a file's name; of a project the path of its script, `train.py` when it is not given"
    )
    script_content: str | None = Field(
        default=None, description="the script's text, or a notebook's JSON; none where a project is named"
    )
    project: str | None = Field(default=None, description="the sha256 of a project that was sent to `/mlops/projects`")
    requirements: list[str] | None = Field(
        default=None,
        description="PEP 508 names, e.g. `scikit-learn>=1.5`, where pinned with `--hash=sha256:…`; when they are not "
        "given, those of the script's own block (PEP 723) or of the project's files count",
    )
    constraints: list[str] = Field(default=[], description="versions that hold where a package is needed")
    requires_python: str = Field(default="", max_length=200, description="e.g. `>=3.11,<3.13`")
    arguments: list[str] = Field(default=[], description="what the script finds in `sys.argv`; a notebook has none")
    parameters: dict[str, JsonValue] = Field(
        default={}, description="of a notebook: values for what its cell that is tagged `parameters` assigns"
    )
    environment: dict[str, str] = Field(default={}, description="variables of the run")
    secrets: Secrets = Field(
        default={}, description="variables that are kept encrypted, masked in the log, and never returned"
    )
    git: GitBody | None = None
    data: Data = Field(default={})
    experiment_name: str | None = Field(default=None, description="the model's name when it is not given")
    logged_model: str | None = Field(
        default=None,
        description="which model is meant, when the script logs several: its name, `m-…`, or `<run>/<name>`",
    )
    best_of: str | None = Field(default=None, max_length=260, description=_BEST_OF)
    timeout_seconds: float | None = None
    runner: str | None = Field(
        default=None,
        description="one of the operator's runners, such as `local`; the first of them where none is named",
    )

    @model_validator(mode="after")
    def _name_one_thing_to_run(self) -> Self:
        if self.project is None and (self.script_name is None or self.script_content is None):
            missing = "script_name" if self.script_name is None else "script_content"
            raise Invalid(
                f"{missing}: expected a script's name and content, or a project", code="request_invalid", field=missing
            )
        return self

    def script(self) -> Script:
        """As the service takes it."""
        fields = self.model_dump(include={each.name for each in dataclass_fields(Script)} - {"git", "data"})
        data = {name: each.reference() for name, each in self.data.items()}
        git = None if self.git is None else GitState(commit=self.git.commit, is_dirty=self.git.is_dirty)
        return Script(**fields, git=git, data=data)


class TrainingRequest(ScriptRequest):
    """A training script and what it needs."""

    model_name: str | None = Field(default=None, description="the script's own name when it is not given")


class DeployRequest(ScriptRequest, PlacedRequest):
    """One click: a script that shall be trained, registered, built and deployed."""

    model_name: str
    replicas: int | None = Field(
        default=None, description="1 when it is not given; a deployment whose version is replaced keeps what it has"
    )
    namespace: str | None = None
    replace: bool = Field(
        default=False, description="take the place, at the same address, of the version that serves in the namespace"
    )


class RegistrationRequest(GivenBody):
    """A model that shall be registered by hand: of a run, at its own address, or of a job that has ended."""

    name: str
    run_id: str | None = Field(default=None, max_length=500)
    model_uri: str | None = Field(default=None, max_length=500, description="`models:/m-…` or `runs:/<run>/<name>`")
    job_id: str | None = Field(default=None, max_length=40, description="a job that has ended; what its script logged")
    logged_model: str | None = Field(default=None, max_length=500, description="which one, of several")
    best_of: str | None = Field(default=None, max_length=260, description=_BEST_OF)


class Accepted(Answer):
    """A job was made."""

    job_id: str
    model_name: str
    status: str
    message: str


class RemedyAnswer(Answer):
    """How what a job's script logged is registered without training again."""

    command: str
    method: str
    path: str
    body: dict[str, str]


class ErrorAnswer(Answer):
    """Why a job failed, and what can be done with what it had logged."""

    code: str
    message: str
    remedy: RemedyAnswer | None


class LoggedModelAnswer(Answer):
    """A model that a job's script logged."""

    name: str
    model_uri: str
    run_id: str | None


class RatedModelAnswer(LoggedModelAnswer):
    """The same, with its value of the metric that decided."""

    value: float | None


class SelectionAnswer(Answer):
    """Which of several models was registered, and which were not."""

    metric: str | None
    direction: str | None
    chosen: RatedModelAnswer
    others: list[RatedModelAnswer]


class DataReferenceAnswer(Answer):
    """Data that a run is given."""

    uri: str
    sha256: str | None


class SourceAnswer(Answer):
    """What a job runs: all that was sent but the values of secrets."""

    script_name: str
    script_sha256: str
    project: str | None
    data: dict[str, DataReferenceAnswer] = Field(description="what its run is given, by name")
    arguments: list[str]
    parameters: dict[str, JsonValue] = Field(description="of a notebook")
    environment: dict[str, str]
    secrets: list[str] = Field(description="their names")
    requirements: list[str]
    constraints: list[str]
    requires_python: str
    runner: str = Field(description="which of the operator's runners runs it")
    git_commit: str | None
    git_is_dirty: bool | None

    @classmethod
    def of(cls, job: Job) -> "SourceAnswer | None":
        """The script of a job, where it has one."""
        if "script_name" not in job.request:
            return None
        request, git = job.request, job.request.get("git") or {}
        return cls(
            script_name=request["script_name"],
            script_sha256=script_sha256(job),
            project=request.get("project"),
            data={name: DataReferenceAnswer(**each) for name, each in request.get("data", {}).items()},
            arguments=request.get("arguments", []),
            parameters=request.get("parameters", {}),
            environment=request.get("environment", {}),
            secrets=request.get("secrets", []),
            requirements=request.get("requirements", []),
            constraints=request.get("constraints", []),
            requires_python=request.get("requires_python", ""),
            runner=name_of(job),
            git_commit=git.get("commit"),
            git_is_dirty=git.get("is_dirty"),
        )


class JobAnswer(Answer):
    """A job as it stands."""

    job_id: str
    kind: str
    status: str
    phase: str | None
    progress: float
    model_name: str
    model_version: str | None
    run_id: str | None
    experiment_name: str | None
    deployment_id: str | None
    deployment_url: str | None
    api_url: str | None = Field(
        description="the model's stable address at the gateway, of a job that deployed it; null where there is none"
    )
    source: SourceAnswer | None = Field(description="what it runs; null of a job that runs no script")
    logged_models: list[LoggedModelAnswer]
    selection: SelectionAnswer | None = Field(description="null where there was nothing to choose from")
    retraining: RetrainingAnswer | None = Field(description="of a job that retrains; its findings come with its end")
    error: ErrorAnswer | None
    is_cancelling: bool
    """Somebody asked for its end, which has not come yet."""
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    duration_seconds: float | None

    @classmethod
    def of(cls, job: Job, addresses: ModelAddresses) -> "JobAnswer":
        """The job on the wire."""
        return cls(**_job_fields(job, addresses))


class DeploymentJobAnswer(JobAnswer):
    """A one-click job, with the contract's own names. Its status is the phase while it runs, then `deployed`."""

    external_ip: str | None
    ecr_image: str | None

    @classmethod
    def of(cls, job: Job, addresses: ModelAddresses) -> "DeploymentJobAnswer":
        """The job on the wire."""
        url = job.result.get("deployment_url")
        fields = _job_fields(job, addresses) | {"status": one_click_status(job)}
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
    targets: list[str] = Field(description="where deployments can run; the first one where none is named")
    uptime_seconds: float


class JobKind(StrEnum):
    """What a job does, and so which phases it goes through."""

    TRAINING = "training"
    ONE_CLICK = "one_click"
    RETRAINING = "retraining"
    DEPLOYMENT = "deployment"
    REGISTRATION = "registration"
    """Of an upload."""
    DELETION = "deletion"
    IMPORT = "import"
    """Of what was registered in MLflow directly."""
    IMAGE = "image"
    UNDEPLOYMENT = "undeployment"
    GATEWAY_PUSH = "gateway_push"


def one_click_status(job: Job) -> str:
    """The contract's status of a one-click job."""
    if job.status is JobStatus.SUCCEEDED:
        return "deployed"
    if job.is_final:
        return job.status
    if job.phase == Phase.DEPLOYED:
        return Phase.DEPLOYING  # It is deployed when its job has ended, with all that the answer then has.
    return "training" if job.phase is None else job.phase


def _host(url: str | None) -> str | None:
    return None if url is None else url.partition("//")[2].partition(":")[0]


def _job_fields(job: Job, addresses: ModelAddresses) -> dict[str, Any]:
    url = job.result.get("deployment_url")
    return {
        "job_id": job.job_id,
        "kind": job.kind.name,
        "status": job.status,
        "phase": job.phase,
        "progress": job.progress,
        "model_name": job.model_name,
        "model_version": None if (version := job.result.get("model_version")) is None else str(version),
        "run_id": job.result.get("run_id"),
        "experiment_name": job.result.get("experiment_name", job.experiment_name),
        "deployment_id": job.result.get("deployment_id"),
        "deployment_url": url,
        "api_url": None if url is None else addresses.of_model(job.model_name),
        "source": SourceAnswer.of(job),
        "logged_models": job.result.get("logged_models", []),
        "selection": job.result.get("selection"),
        "retraining": RetrainingAnswer.of(job),
        "error": None
        if job.error is None
        else ErrorAnswer(code=job.error.code, message=job.error.message, remedy=_remedy(job)),
        "is_cancelling": job.is_cancel_requested and not job.is_final,
        "created_at": job.created_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
        "duration_seconds": job.duration_seconds,
    }


def _remedy(job: Job) -> RemedyAnswer | None:
    """The command and the route that register what the script had logged; None where it logged nothing."""
    logged = job.result.get("logged_models", [])
    if not logged or job.result.get("model_version") is not None:
        return None
    command = ["modelyard", "register", job.model_name, "--job", job.job_id]
    body = {"name": job.model_name, "job_id": job.job_id}
    if len(logged) > 1:
        first = logged[0]["model_uri"].removeprefix("models:/")
        command += ["--logged-model", first]
        body["logged_model"] = first
    return RemedyAnswer(command=shlex.join(command), method="POST", path="/mlops/registry", body=body)
