"""The routes of `/mlops`. There is none for inference: models answer in their own servers."""

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Annotated, Any

from anyio import to_thread
from fastapi import Depends, Header, Query, Request, Response

from modelyard.deployments.kinds import DEPLOYMENT
from modelyard.errors import Invalid
from modelyard.http.follow import LOG_RESPONSES, Part, log_response
from modelyard.http.guard import Requires
from modelyard.http.own_tenant import OF_OWN_TENANT
from modelyard.http.response_cache import cacheable
from modelyard.http.routing import APIRouter
from modelyard.jobs.service import JobService
from modelyard.jobs.states import JobStatus
from modelyard.mlops.schemas import (
    Accepted,
    DeploymentJobAnswer,
    DeployRequest,
    JobAnswer,
    JobKind,
    JobsAnswer,
    RegistrationRequest,
    StatusAnswer,
    TrainingRequest,
    one_click_status,
)
from modelyard.mlops.status import PlatformStatus
from modelyard.mlops.upload import read_upload
from modelyard.naming import model_name_of_script
from modelyard.paging import MAX_CURSOR, MAX_LIMIT
from modelyard.ports.stable_addresses import StableAddresses
from modelyard.principals import Permission, Principal
from modelyard.registry.reads.service import RegistryReads
from modelyard.registry.registration import Registration
from modelyard.registry.schemas import ModelsAnswer, ModelWithVersionsAnswer, VersionAnswer
from modelyard.registry.service import RegistryService
from modelyard.training.afterwards import RegisteringAfterwards
from modelyard.training.kinds import ONE_CLICK, TRAINING, TRAINING_KINDS
from modelyard.training.scripts import DEFAULT_ENTRY
from modelyard.training.service import TrainingService

ReadJobs = Annotated[Principal, Depends(Requires(Permission.JOBS_READ))]
WriteJobs = Annotated[Principal, Depends(Requires(Permission.JOBS_WRITE))]
ReadModels = Annotated[Principal, Depends(Requires(Permission.MODELS_READ))]
WriteModels = Annotated[Principal, Depends(Requires(Permission.MODELS_WRITE))]
ReadStatus = Annotated[Principal, Depends(Requires(Permission.STATUS_READ))]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]
Cursor = Annotated[str | None, Query(max_length=MAX_CURSOR)]
IdempotencyKey = Annotated[str | None, Header(min_length=1, max_length=200)]


def _each(names: Sequence[str], **schema: Any) -> dict[str, Any]:
    """The same schema for several fields."""
    return dict.fromkeys(names, schema)


_UPLOAD_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": TrainingRequest.model_json_schema()},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["script"],
                    "properties": {
                        "script": {"type": "string", "format": "binary"},
                        **_each(("requirements", "constraints", "arguments"), type="array", items={"type": "string"}),
                        **_each(("environment", "secrets", "parameters", "data"), type="string", format="json"),
                        **_each(
                            ("experiment_name", "model_name", "logged_model", "best_of", "requires_python", "runner"),
                            type="string",
                        ),
                        "timeout_seconds": {"type": "number"},
                    },
                }
            },
        },
    }
}


def training_routes(training: TrainingService, jobs: JobService, addresses: StableAddresses) -> APIRouter:
    """Uploading scripts, and their jobs under the contract's paths."""
    router = APIRouter(prefix="/mlops", tags=["mlops"])

    @router.post("/training/upload", status_code=202, openapi_extra=_UPLOAD_BODY)
    async def upload(request: Request, caller: WriteJobs, idempotency_key: IdempotencyKey = None) -> Accepted:
        """Upload a training script and start a training job."""
        body = await read_upload(request)
        script_name = PurePosixPath(body.script_name or DEFAULT_ENTRY).name
        model_name = model_name_of_script(script_name) if body.model_name is None else body.model_name
        script = body.script()
        job = await to_thread.run_sync(
            lambda: training.train(caller, script, model_name=model_name, idempotency_key=idempotency_key)
        )
        return Accepted(
            job_id=job.job_id,
            model_name=job.model_name,
            status=job.status,
            message=f"the training of '{job.model_name}' was accepted; follow GET /mlops/training/jobs/{job.job_id}",
        )

    @router.get("/training/jobs", dependencies=OF_OWN_TENANT)
    def training_jobs(
        caller: ReadJobs, status: JobStatus | None = None, limit: Limit = 50, cursor: Cursor = None
    ) -> JobsAnswer:
        """Training jobs, newest first."""
        page = jobs.page(caller, kind=TRAINING, status=status, limit=limit, cursor=cursor)
        stable = addresses.of_tenant(caller.tenant_id)
        return JobsAnswer(jobs=[JobAnswer.of(job, stable) for job in page.items], next_cursor=page.next_cursor)

    @router.get("/training/jobs/{job_id}")
    def training_job(caller: ReadJobs, job_id: str) -> JobAnswer:
        """One training job."""
        return JobAnswer.of(jobs.get(caller, job_id, kinds=TRAINING_KINDS), addresses.of_tenant(caller.tenant_id))

    return router


def one_click_routes(training: TrainingService, jobs: JobService, addresses: StableAddresses) -> APIRouter:
    """One-click deployment, and its job under the contract's paths."""
    router = APIRouter(prefix="/mlops", tags=["mlops"])

    @router.post("/deploy", status_code=202)
    def deploy(body: DeployRequest, caller: WriteJobs, idempotency_key: IdempotencyKey = None) -> Accepted:
        """One click: train, register, build and deploy."""
        job = training.one_click(
            caller,
            body.script(),
            model_name=body.model_name,
            replicas=body.replicas,
            namespace=body.namespace,
            target=body.target,
            resources=body.wanted_resources(),
            autoscaling=body.wanted_autoscaling(),
            replace=body.replace,
            idempotency_key=idempotency_key,
        )
        return Accepted(
            job_id=job.job_id,
            model_name=job.model_name,
            status=one_click_status(job),
            message=f"Deployment started. Use /mlops/deployments/{job.job_id} to check status",
        )

    @router.get("/deployments/{job_id}")
    def deployment_job(caller: ReadJobs, job_id: str) -> DeploymentJobAnswer:
        """One deployment job, and at its end the address."""
        job = jobs.get(caller, job_id, kinds=(ONE_CLICK, DEPLOYMENT))
        return DeploymentJobAnswer.of(job, addresses.of_tenant(caller.tenant_id))

    return router


def job_routes(jobs: JobService, addresses: StableAddresses) -> APIRouter:
    """All jobs alike: list, one, log, cancel."""
    router = APIRouter(prefix="/mlops/jobs", tags=["jobs"])

    @router.get("", dependencies=OF_OWN_TENANT)
    def list_jobs(
        caller: ReadJobs,
        kind: JobKind | None = None,
        status: JobStatus | None = None,
        model_name: str | None = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> JobsAnswer:
        """Jobs, newest first."""
        asked = None if kind is None else jobs.kinds[kind]
        page = jobs.page(caller, kind=asked, status=status, model_name=model_name, limit=limit, cursor=cursor)
        stable = addresses.of_tenant(caller.tenant_id)
        return JobsAnswer(jobs=[JobAnswer.of(job, stable) for job in page.items], next_cursor=page.next_cursor)

    @router.get("/{job_id}")
    def one_job(caller: ReadJobs, job_id: str) -> JobAnswer:
        """One job."""
        return JobAnswer.of(jobs.get(caller, job_id), addresses.of_tenant(caller.tenant_id))

    @router.get("/{job_id}/log", response_class=Response, responses=LOG_RESPONSES)
    async def job_log(request: Request, caller: ReadJobs, job_id: str, part: Annotated[Part, Depends()]) -> Response:
        """The job's log as text, or followed live as server-sent events."""

        def ended() -> dict[str, Any] | None:
            job = jobs.get(caller, job_id)
            return {"status": job.status} if job.is_final else None

        await to_thread.run_sync(ended)
        return await log_response(request, part, log=jobs.log(job_id), ended=ended)

    @router.post("/{job_id}/cancel", status_code=202)
    def cancel(caller: WriteJobs, job_id: str) -> JobAnswer:
        """Ask for the job's end."""
        return JobAnswer.of(jobs.cancel(caller, job_id), addresses.of_tenant(caller.tenant_id))

    return router


def registration_routes(registration: Registration, afterwards: RegisteringAfterwards) -> APIRouter:
    """Registering by hand."""
    router = APIRouter(prefix="/mlops", tags=["mlops"])

    @router.post("/registry", status_code=201)
    def register(body: RegistrationRequest, caller: WriteModels) -> VersionAnswer:
        """Register a model of a run, at an address, or of a job that has ended, as the next version."""
        if body.job_id is not None and body.run_id is None and body.model_uri is None:
            version = afterwards.register(
                caller,
                body.job_id,
                name=body.name,
                logged_model=body.logged_model,
                best_of=body.best_of,
                given=body.given(),
            )
        elif body.job_id is not None:
            raise Invalid("expected exactly one of run_id, model_uri and job_id", code="source_invalid", field="job_id")
        else:
            version = registration.by_hand(
                caller,
                name=body.name,
                run_id=body.run_id,
                model_uri=body.model_uri,
                logged_model=body.logged_model,
                best_of=body.best_of,
                given=body.given(),
            )
        return VersionAnswer.of(version)

    return router


def model_routes(registry: RegistryService, reads: RegistryReads) -> APIRouter:
    """The catalogue."""
    router = APIRouter(prefix="/mlops", tags=["mlops"])

    @router.get("/models", response_model=ModelsAnswer, dependencies=OF_OWN_TENANT)
    @cacheable
    async def list_models(caller: ReadModels, limit: Limit = 50, cursor: Cursor = None) -> Response:
        """Models by name."""
        return (await reads.models(caller, limit=limit, cursor=cursor)).response()

    @router.get("/models/{model_name}")
    @cacheable
    def one_model(caller: ReadModels, model_name: str) -> ModelWithVersionsAnswer:
        """One model with its versions, the newest 200 of them; the registry lists all."""
        newest = registry.page_of_versions(caller, model_name, limit=MAX_LIMIT)
        return ModelWithVersionsAnswer.with_versions(registry.model(caller, model_name), newest.items)

    return router


def status_routes(platform: PlatformStatus) -> APIRouter:
    """The platform's own state."""
    router = APIRouter(prefix="/mlops", tags=["mlops"])

    @router.get("/status")
    def status(caller: ReadStatus) -> StatusAnswer:
        """How the platform and its parts are."""
        return platform.look(caller)

    return router
