"""The routes of deployments: list, make, look, scale, replace, undeploy, logs."""

import json
from collections.abc import Callable, Sequence
from typing import Annotated, Any

from anyio import to_thread
from fastapi import Depends, Header, Query, Request, Response
from pydantic import Field

from modelyard.deployments.domain import Deployment
from modelyard.deployments.schemas import (
    AcceptedDeployment,
    DeploymentAnswer,
    DeploymentChange,
    DeploymentRequest,
    DeploymentsAnswer,
    PredictionAnswer,
    ReplicaAnswer,
)
from modelyard.deployments.states import DeploymentStatus
from modelyard.deployments.verbs import DeploymentCommand, DeploymentVerbs
from modelyard.errors import Conflict, Invalid
from modelyard.http.follow import LOG_RESPONSES, Part, log_response
from modelyard.http.guard import Requires
from modelyard.http.header_lines import headers_of
from modelyard.http.own_tenant import OF_OWN_TENANT
from modelyard.http.routing import APIRouter
from modelyard.paging import MAX_CURSOR, MAX_LIMIT
from modelyard.ports.predictions import Predictions
from modelyard.ports.stable_addresses import ModelAddresses, StableAddresses
from modelyard.principals import Permission, Principal

Read = Annotated[Principal, Depends(Requires(Permission.DEPLOYMENTS_READ))]
Write = Annotated[Principal, Depends(Requires(Permission.DEPLOYMENTS_WRITE))]
Force = Annotated[bool, Query(description="also when APIs of the gateway lead to it")]
Headers = Annotated[
    list[Annotated[str, Field(max_length=1000)]], Query(max_length=20, description="sent along: `name: value`")
]
MAX_GENERATION = 1_000_000
_OF_THE_REQUEST = frozenset(
    {
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "expect",
        "host",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Headers that the body, which is JSON, and the connection have."""
_PREFIX = "/api/v1/deployments"


def deployment_looks(verbs: DeploymentVerbs, addresses: StableAddresses) -> APIRouter:
    """Deployments: list, look at one."""
    router = APIRouter(prefix=_PREFIX, tags=["deployments"])
    answer = _answering(verbs, addresses)

    @router.get("", dependencies=OF_OWN_TENANT)
    def list_deployments(
        caller: Read,
        model_name: str | None = None,
        namespace: str | None = None,
        target: str | None = None,
        status: DeploymentStatus | None = None,
        limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = 50,
        cursor: Annotated[str | None, Query(max_length=MAX_CURSOR)] = None,
    ) -> DeploymentsAnswer:
        """Deployments, newest first; without a status those that are not stopped."""
        page = verbs.deployments.page(
            caller,
            model_name=model_name,
            namespace=namespace,
            target=target,
            status=status,
            limit=limit,
            cursor=cursor,
        )
        found = _answers(verbs, page.items, addresses.of_tenant(caller.tenant_id))
        return DeploymentsAnswer(deployments=found, next_cursor=page.next_cursor)

    @router.get("/{deployment_id}")
    def one_deployment(caller: Read, deployment_id: str) -> DeploymentAnswer:
        """One deployment with its replicas."""
        return answer(caller, verbs.deployments.get(caller, deployment_id))

    return router


def deployment_changes(verbs: DeploymentVerbs, addresses: StableAddresses) -> APIRouter:
    """Deployments: make, scale, replace, undeploy."""
    router = APIRouter(prefix=_PREFIX, tags=["deployments"])
    answer = _answering(verbs, addresses)

    @router.post("", status_code=202)
    def deploy(
        body: DeploymentRequest,
        caller: Write,
        idempotency_key: Annotated[str | None, Header(min_length=1, max_length=200)] = None,
    ) -> AcceptedDeployment:
        """Build and deploy a version. One that serves in the namespace already is the same deployment."""
        accepted = verbs.deploy(
            caller,
            DeploymentCommand(
                model_name=body.model_name,
                version=body.version,
                replicas=body.replicas,
                namespace=body.namespace,
                target=body.target,
                resources=body.wanted_resources(),
                autoscaling=body.wanted_autoscaling(),
                another=body.another,
                replace=body.replace,
            ),
            idempotency_key=idempotency_key,
        )
        job = accepted.job
        return AcceptedDeployment(
            job_id=job.job_id,
            model_name=job.model_name,
            status=job.status,
            deployment_id=accepted.deployment_id,
            message=f"{accepted.message}; follow GET /mlops/deployments/{job.job_id}",
        )

    @router.patch("/{deployment_id}")
    def change(caller: Write, deployment_id: str, body: DeploymentChange) -> DeploymentAnswer:
        """Set the number of replicas or who chooses it, replace the version at the same address, or pin it to one image
        of its version; no request is lost.

        A replacement goes on in the job that `replacement` names: the new version is ready before the old one drains,
        and until then, or when it does not get ready, the old one serves.
        """
        pin = body.wanted_pin()
        if pin is not None:
            pinned = verbs.pin(caller, deployment_id, pin, alone=body.model_fields_set == {"image"})
            return answer(caller, pinned)
        changed = verbs.change(
            caller,
            deployment_id,
            replicas=body.replicas,
            version=body.version,
            autoscaling=body.wanted_autoscaling(),
        )
        return answer(caller, changed)

    @router.delete("/{deployment_id}", status_code=202)
    def undeploy(caller: Write, deployment_id: str, *, force: Force = False) -> DeploymentAnswer:
        """Drain and stop it. One that APIs of the gateway name stays, as does the last one of a version that gets a
        part of its model's requests, unless it is forced."""
        return answer(caller, verbs.undeploy(caller, deployment_id, forces=force))

    return router


def prediction_routes(verbs: DeploymentVerbs, predictions: Predictions) -> APIRouter:
    """Trying a deployment."""
    router = APIRouter(prefix=_PREFIX, tags=["deployments"])

    @router.post("/{deployment_id}/predict")
    def predict(
        caller: Write,
        deployment_id: str,
        body: dict[str, Any],
        header: Headers = [],  # noqa: B006 - FastAPI's default, which nobody changes
    ) -> PredictionAnswer:
        """Send a body to `/predict` of this deployment, and see what it answers and how long it took. A header is
        `name: value`.

        This is for trying: programs call the deployment's own address.
        """
        deployment = verbs.deployments.get(caller, deployment_id)
        if deployment.url is None:
            raise Conflict(f"the deployment is {deployment.status}: it has no address", code="deployment_not_ready")
        answered = predictions.ask(deployment.url, json.dumps(body).encode(), _sent_along(header))
        return PredictionAnswer.of(deployment, answered)

    return router


def deployment_log_routes(verbs: DeploymentVerbs) -> APIRouter:
    """The logs of model servers."""
    router = APIRouter(prefix=_PREFIX, tags=["deployments"])

    @router.get("/{deployment_id}/logs", response_class=Response, responses=LOG_RESPONSES)
    async def logs(
        request: Request,
        caller: Read,
        deployment_id: str,
        part: Annotated[Part, Depends()],
        generation: Annotated[int | None, Query(ge=1, le=MAX_GENERATION)] = None,
    ) -> Response:
        """The model server's log as text, or followed live as server-sent events.

        Each version that took another's place has a log of its own, by its generation; without one it is that of the
        version that serves.
        """

        def ended() -> dict[str, Any] | None:
            deployment = verbs.deployments.get(caller, deployment_id)
            return {"status": deployment.status} if deployment.status is DeploymentStatus.STOPPED else None

        deployment = await to_thread.run_sync(verbs.deployments.get, caller, deployment_id)
        log = verbs.log(deployment, generation or deployment.generation)
        return await log_response(request, part, log=log, ended=ended)

    return router


def _answering(
    verbs: DeploymentVerbs, addresses: StableAddresses
) -> Callable[[Principal, Deployment], DeploymentAnswer]:
    def answer(caller: Principal, deployment: Deployment) -> DeploymentAnswer:
        (only,) = _answers(verbs, [deployment], addresses.of_tenant(caller.tenant_id))
        return only

    return answer


def _answers(
    verbs: DeploymentVerbs, deployments: Sequence[Deployment], addresses: ModelAddresses
) -> list[DeploymentAnswer]:
    return [
        DeploymentAnswer.of(one, replacement, [ReplicaAnswer.of(replica) for replica in replicas], addresses)
        for one, replacement, replicas in verbs.with_details(deployments)
    ]


def _sent_along(lines: Sequence[str]) -> Sequence[tuple[str, str]]:
    """The headers that somebody wants to send with a body.

    Raises:
        Invalid: code `header_invalid`; one is of the body or of the connection, which are not theirs to say.
    """
    headers = headers_of(lines)
    for name, _ in headers:
        if name in _OF_THE_REQUEST:
            said = f"header: expected none of {', '.join(sorted(_OF_THE_REQUEST))}, got {name!r}"
            raise Invalid(said, code="header_invalid", field="header")
    return headers
