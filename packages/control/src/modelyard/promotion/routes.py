"""The routes of stages, policies, checks and requests, below a model of the registry."""

from typing import Annotated, Any

from fastapi import Depends, Query, Response

from modelyard.http.guard import Requires
from modelyard.http.own_tenant import OF_OWN_TENANT
from modelyard.http.revision import ExpectedRevision, set_etag
from modelyard.http.routing import APIRouter
from modelyard.paging import MAX_CURSOR, MAX_LIMIT
from modelyard.principals import Permission, Principal
from modelyard.promotion.domain import Request
from modelyard.promotion.policies import Policies
from modelyard.promotion.schemas import (
    CheckRecord,
    ChecksAnswer,
    Comment,
    FindingAnswer,
    FindingsAnswer,
    PolicyAnswer,
    PolicyBody,
    RequestAnswer,
    RequestsAnswer,
    StageAnswer,
    StageChange,
)
from modelyard.promotion.service import PromotionService
from modelyard.promotion.states import RequestStatus
from modelyard.registry.domain import Version
from modelyard.registry.service import RegistryService
from modelyard.registry.states import Stage

Read = Annotated[Principal, Depends(Requires(Permission.MODELS_READ))]
Write = Annotated[Principal, Depends(Requires(Permission.MODELS_WRITE))]
Approve = Annotated[Principal, Depends(Requires(Permission.MODELS_APPROVE))]
Govern = Annotated[Principal, Depends(Requires(Permission.MODELS_GOVERN))]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]
Cursor = Annotated[str | None, Query(max_length=MAX_CURSOR)]
PREFIX = "/api/v1/ml/registry"
_ASKED: dict[int | str, dict[str, Any]] = {
    202: {"model": StageAnswer, "description": "Production is asked for; the request is in the answer"}
}


def stage_routes(promotion: PromotionService, registry: RegistryService) -> APIRouter:
    """Moving versions, and going back."""
    router = APIRouter(prefix=PREFIX, tags=["registry"])

    @router.post("/models/{name}/versions/{version}/stage", responses=_ASKED)
    def change_stage(
        caller: Write, name: str, version: int, body: StageChange, expected: ExpectedRevision, response: Response
    ) -> StageAnswer:
        """Move a version to a stage; production is asked for, and answered with 202 and the request."""
        found = registry.version(caller, name, version)
        if body.stage is Stage.PRODUCTION:
            request = promotion.request(caller, found, comment=body.comment, revision=expected)
            response.status_code = 202
            return _stage(found, request)
        moved = promotion.change_stage(caller, found, body.stage, comment=body.comment, revision=expected)
        set_etag(response, moved.revision)
        return _stage(moved, None)

    @router.post("/models/{name}/rollback")
    def roll_back(
        caller: Approve, name: str, body: Comment, expected: ExpectedRevision, response: Response
    ) -> StageAnswer:
        """Put the former production version back; the present one is archived. `If-Match` is the model's ETag."""
        restored = promotion.rollback(caller, name, comment=body.comment, revision=expected)
        set_etag(response, restored.revision)
        return _stage(restored, None)

    return router


def policy_routes(policies: Policies, registry: RegistryService) -> APIRouter:
    """A model's policy, what it says of versions, and the checks that it asks for."""
    router = APIRouter(prefix=PREFIX, tags=["registry"])

    @router.get("/models/{name}/policy")
    def policy(caller: Read, name: str, response: Response) -> PolicyAnswer:
        """What a promotion of this model needs."""
        found, revision = policies.of_model(caller, name)
        set_etag(response, revision)
        return PolicyAnswer(name=name, policy=PolicyBody.of(found), revision=revision)

    @router.put("/models/{name}/policy")
    def set_policy(
        caller: Govern, name: str, body: PolicyBody, expected: ExpectedRevision, response: Response
    ) -> PolicyAnswer:
        """Put a policy in place of the one before; open requests expire with their evidence."""
        found, revision = policies.put(caller, name, body.policy(), revision=expected)
        set_etag(response, revision)
        return PolicyAnswer(name=name, policy=PolicyBody.of(found), revision=revision)

    @router.get("/models/{name}/versions/{version}/findings")
    def findings(caller: Read, name: str, version: int) -> FindingsAnswer:
        """What the model's policy says of a version now."""
        found = policies.findings(caller, registry.version(caller, name, version))
        return FindingsAnswer(
            name=name,
            version=version,
            is_met=all(finding.is_met for finding in found),
            findings=[FindingAnswer.of(finding) for finding in found],
        )

    @router.post("/models/{name}/versions/{version}/checks")
    def record_check(caller: Write, name: str, version: int, body: CheckRecord) -> ChecksAnswer:
        """Record that a version passed a check, or did not."""
        checks = policies.record_check(
            caller,
            registry.version(caller, name, version),
            name=body.name,
            is_passed=body.is_passed,
            details=body.details,
        )
        return ChecksAnswer(name=name, version=version, checks=dict(checks))

    return router


def request_routes(promotion: PromotionService) -> APIRouter:
    """Requests for production."""
    router = APIRouter(prefix=PREFIX, tags=["registry"])

    @router.get("/requests", dependencies=OF_OWN_TENANT)
    def list_requests(
        caller: Read,
        name: str | None = None,
        status: RequestStatus | None = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> RequestsAnswer:
        """Requests of all models, newest first."""
        page = promotion.page(caller, model_name=name, status=status, limit=limit, cursor=cursor)
        return RequestsAnswer(
            requests=[RequestAnswer.of(request) for request in page.items], next_cursor=page.next_cursor
        )

    @router.get("/models/{name}/requests/{request_id}")
    def one_request(caller: Read, name: str, request_id: str, response: Response) -> RequestAnswer:
        """One request."""
        return _answer(promotion.get(caller, name, request_id), response)

    @router.post("/models/{name}/requests/{request_id}/approve")
    def approve(
        caller: Approve, name: str, request_id: str, body: Comment, expected: ExpectedRevision, response: Response
    ) -> RequestAnswer:
        """Agree. With the last approval that is needed the version goes to production."""
        return _answer(promotion.approve(caller, name, request_id, comment=body.comment, revision=expected), response)

    @router.post("/models/{name}/requests/{request_id}/reject")
    def reject(
        caller: Approve, name: str, request_id: str, body: Comment, expected: ExpectedRevision, response: Response
    ) -> RequestAnswer:
        """Say no."""
        return _answer(promotion.reject(caller, name, request_id, comment=body.comment, revision=expected), response)

    @router.post("/models/{name}/requests/{request_id}/withdraw")
    def withdraw(
        caller: Write, name: str, request_id: str, body: Comment, expected: ExpectedRevision, response: Response
    ) -> RequestAnswer:
        """Take one's own request back."""
        return _answer(promotion.withdraw(caller, name, request_id, comment=body.comment, revision=expected), response)

    return router


def _answer(request: Request, response: Response) -> RequestAnswer:
    set_etag(response, request.revision)
    return RequestAnswer.of(request)


def _stage(version: Version, request: Request | None) -> StageAnswer:
    return StageAnswer(
        name=version.model_name,
        version=version.version,
        stage=version.stage,
        revision=version.revision,
        request=None if request is None else RequestAnswer.of(request),
    )
