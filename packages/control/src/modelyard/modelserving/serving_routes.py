"""The routes that deploy, undeploy and retrain ModelVersions, and the jobs of this surface."""

from typing import Annotated

from fastapi import Depends, Header

from modelyard.deployments.verbs import DeploymentCommand
from modelyard.http.guard import Requires
from modelyard.http.routing import APIRouter
from modelyard.jobs.service import JobService
from modelyard.modelserving.serving import Serving
from modelyard.modelserving.serving_schemas import (
    AcceptedJob,
    DeployBody,
    InferenceBody,
    ServedJobAnswer,
    UndeployBody,
)
from modelyard.ports.stable_addresses import StableAddresses
from modelyard.principals import Permission, Principal
from modelyard.retraining.service import RetrainingService

Write = Annotated[Principal, Depends(Requires(Permission.DEPLOYMENTS_WRITE))]
WriteJobs = Annotated[Principal, Depends(Requires(Permission.JOBS_WRITE))]
ReadJobs = Annotated[Principal, Depends(Requires(Permission.JOBS_READ))]
IdempotencyKey = Annotated[str | None, Header(min_length=1, max_length=200)]

_PREFIX = "/api/v1/modelserving"
_VERSION = "/models/{name}/versions/{version}"


def inference_routes(retraining: RetrainingService) -> APIRouter:
    """What trains a version again. No model is asked here."""
    router = APIRouter(prefix=_PREFIX, tags=["modelserving"])

    @router.post(f"{_VERSION}/inference", status_code=202)
    def inference(
        caller: WriteJobs,
        name: str,
        version: int,
        body: InferenceBody | None = None,
        idempotency_key: IdempotencyKey = None,
    ) -> AcceptedJob:
        """Run the notebook or script that trained a version again, in a new run, for the model's next version."""
        changes = (body or InferenceBody()).changes()
        job = retraining.retrain(caller, name, version, changes, idempotency_key=idempotency_key)
        return AcceptedJob.of(job, f"the retraining of version {version} of '{name}' was accepted")

    return router


def serving_routes(serving: Serving, jobs: JobService, addresses: StableAddresses) -> APIRouter:
    """What ends in a job, and the jobs."""
    router = APIRouter(prefix=_PREFIX, tags=["modelserving"])

    @router.post(f"{_VERSION}/deploy", status_code=202)
    def deploy(
        caller: Write, name: str, version: int, body: DeployBody, idempotency_key: IdempotencyKey = None
    ) -> AcceptedJob:
        """Deploy a version to a target. Where that runs images, the version's image has to be built before."""
        command = DeploymentCommand(
            model_name=name,
            version=version,
            replicas=body.replicas,
            namespace=body.namespace,
            target=body.target,
            resources=body.wanted_resources(),
            another=body.another,
            replace=body.replace,
        )
        accepted = serving.deploy(caller, command, idempotency_key=idempotency_key)
        return AcceptedJob.of(accepted.job, accepted.message)

    @router.post(f"{_VERSION}/undeploy", status_code=202)
    def undeploy(
        caller: Write,
        name: str,
        version: int,
        body: UndeployBody | None = None,
        idempotency_key: IdempotencyKey = None,
    ) -> AcceptedJob:
        """Undeploy a version that is deployed; the job ends when its servers are gone."""
        place = body or UndeployBody()
        job = serving.undeploy(
            caller,
            name,
            version,
            target=place.target,
            namespace=place.namespace,
            forces=place.force,
            idempotency_key=idempotency_key,
        )
        return AcceptedJob.of(job, f"the undeployment of version {version} of '{name}' was accepted")

    @router.get("/jobs/{job_id}")
    def job_status(caller: ReadJobs, job_id: str) -> ServedJobAnswer:
        """Any job of this surface as it stands: images, deployments, retrainings, deletions."""
        return ServedJobAnswer.of(jobs.get(caller, job_id), addresses.of_tenant(caller.tenant_id))

    return router
