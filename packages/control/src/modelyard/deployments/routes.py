"""The routes of deployments: list, make, look, scale, undeploy, logs."""

from collections.abc import Sequence
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Depends, Header, Query, Request, Response

from modelyard.access.domain import Permission, Principal
from modelyard.deployments.domain import Deployment
from modelyard.deployments.schemas import (
    AcceptedDeployment,
    DeploymentAnswer,
    DeploymentRequest,
    DeploymentsAnswer,
    ReplicaAnswer,
    ScaleRequest,
)
from modelyard.deployments.states import DeploymentStatus
from modelyard.deployments.verbs import DeploymentVerbs
from modelyard.http.follow import LOG_RESPONSES, log_response
from modelyard.http.guard import Requires
from modelyard.paging import MAX_CURSOR, MAX_LIMIT

Read = Annotated[Principal, Depends(Requires(Permission.DEPLOYMENTS_READ))]
Write = Annotated[Principal, Depends(Requires(Permission.DEPLOYMENTS_WRITE))]
_PREFIX = "/api/v1/deployments"


def deployment_looks(verbs: DeploymentVerbs) -> APIRouter:
    """Deployments: list, look at one."""
    router = APIRouter(prefix=_PREFIX, tags=["deployments"])

    @router.get("")
    def list_deployments(
        caller: Read,
        model_name: str | None = None,
        namespace: str | None = None,
        status: DeploymentStatus | None = None,
        limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = 50,
        cursor: Annotated[str | None, Query(max_length=MAX_CURSOR)] = None,
    ) -> DeploymentsAnswer:
        """Deployments, newest first; without a status those that are not stopped."""
        page = verbs.deployments.page(
            caller, model_name=model_name, namespace=namespace, status=status, limit=limit, cursor=cursor
        )
        return DeploymentsAnswer(deployments=_answers(verbs, page.items), next_cursor=page.next_cursor)

    @router.get("/{deployment_id}")
    def one_deployment(caller: Read, deployment_id: str) -> DeploymentAnswer:
        """One deployment with its replicas."""
        return _answer(verbs, verbs.deployments.get(caller, deployment_id))

    return router


def deployment_changes(verbs: DeploymentVerbs) -> APIRouter:
    """Deployments: make, scale, undeploy."""
    router = APIRouter(prefix=_PREFIX, tags=["deployments"])

    @router.post("", status_code=202)
    def deploy(
        body: DeploymentRequest,
        caller: Write,
        idempotency_key: Annotated[str | None, Header(min_length=1, max_length=200)] = None,
    ) -> AcceptedDeployment:
        """Build and deploy a version."""
        job = verbs.deploy(
            caller,
            model_name=body.model_name,
            version=body.version,
            replicas=body.replicas,
            namespace=body.namespace,
            idempotency_key=idempotency_key,
        )
        message = f"the deployment of '{job.model_name}' was accepted; follow GET /mlops/deployments/{job.job_id}"
        return AcceptedDeployment(job_id=job.job_id, model_name=job.model_name, status=job.status, message=message)

    @router.patch("/{deployment_id}")
    def scale(caller: Write, deployment_id: str, body: ScaleRequest) -> DeploymentAnswer:
        """Set the number of replicas; no request is lost."""
        return _answer(verbs, verbs.scale(caller, deployment_id, body.replicas))

    @router.delete("/{deployment_id}", status_code=202)
    def undeploy(caller: Write, deployment_id: str) -> DeploymentAnswer:
        """Drain and stop it."""
        return _answer(verbs, verbs.deployments.undeploy(caller, deployment_id, reason="asked for"))

    return router


def deployment_log_routes(verbs: DeploymentVerbs) -> APIRouter:
    """The logs of model servers."""
    router = APIRouter(prefix=_PREFIX, tags=["deployments"])

    @router.get("/{deployment_id}/logs", response_class=Response, responses=LOG_RESPONSES)
    async def logs(
        request: Request, caller: Read, deployment_id: str, offset: Annotated[int | None, Query(ge=0)] = None
    ) -> Response:
        """The model server's log as text, or followed live as server-sent events."""

        def ended() -> dict[str, Any] | None:
            deployment = verbs.deployments.get(caller, deployment_id)
            return {"status": deployment.status} if deployment.status is DeploymentStatus.STOPPED else None

        def read(start: int) -> bytes:
            return verbs.read_log(deployment_id, start)

        await to_thread.run_sync(ended)
        return await log_response(request, offset=offset, read=read, ended=ended)

    return router


def _answer(verbs: DeploymentVerbs, deployment: Deployment) -> DeploymentAnswer:
    (only,) = _answers(verbs, [deployment])
    return only


def _answers(verbs: DeploymentVerbs, deployments: Sequence[Deployment]) -> list[DeploymentAnswer]:
    return [
        DeploymentAnswer.of(one, [ReplicaAnswer.of(replica) for replica in replicas])
        for one, replicas in verbs.with_replicas(deployments)
    ]
