"""The routes of Azure API Management: what differs, what it has, and the push."""

from typing import Annotated

from fastapi import Depends, Query

from modelyard.apim.schemas import AcceptedPush, PlanAnswer, PushAnswer, PushRequest, ResourcesAnswer
from modelyard.apim.service import AzureGateway, PushOptions
from modelyard.apim.workflows import Pushing
from modelyard.http.guard import Requires
from modelyard.http.own_tenant import OF_OWN_TENANT
from modelyard.http.routing import APIRouter
from modelyard.principals import Permission, Principal

Read = Annotated[Principal, Depends(Requires(Permission.GATEWAY_READ))]
Write = Annotated[Principal, Depends(Requires(Permission.RELEASES_WRITE))]
Flag = Annotated[bool, Query()]
PREFIX = "/api/v1/gateway/azure-apim"


def apim_routes(gateway: AzureGateway, pushing: Pushing) -> APIRouter:
    """Everything below `/api/v1/gateway/azure-apim`."""
    router = APIRouter(prefix=PREFIX, tags=["gateway"])

    @router.get("/plan")
    def plan(caller: Read, *, prune: Flag = False, adopt: Flag = False) -> PlanAnswer:
        """Compare the gateway with Azure API Management, now. Changes nothing."""
        return PlanAnswer.of(gateway.plan(caller, PushOptions(prunes=prune, adopts=adopt)))

    @router.get("/resources", dependencies=OF_OWN_TENANT)
    def resources(caller: Read) -> ResourcesAnswer:
        """What Azure API Management has, whoever wrote it."""
        return ResourcesAnswer.of(gateway.facts(caller), gateway.stored(caller))

    @router.post("/push", status_code=202)
    def push(caller: Write, body: PushRequest) -> AcceptedPush:
        """Make Azure API Management have what the gateway says, by a job."""
        options = PushOptions(prunes=body.prune, adopts=body.adopt)
        return AcceptedPush.of(pushing.begin(caller, options, expected_plan=body.plan))

    @router.get("/pushes/{push_job_id}")
    def outcome(caller: Read, push_job_id: str) -> PushAnswer:
        """What a push has changed by now."""
        return PushAnswer.of(pushing.find(caller, push_job_id))

    return router
