"""The routes of roll-outs and of models' plans."""

from typing import Annotated

from fastapi import Depends, Query, Response

from modelyard.http.guard import Requires
from modelyard.http.own_tenant import OF_OWN_TENANT
from modelyard.http.revision import ExpectedRevision, set_etag
from modelyard.http.routing import APIRouter
from modelyard.paging import MAX_CURSOR, MAX_LIMIT
from modelyard.principals import Permission, Principal
from modelyard.rollouts.analysis_schemas import AnalysisAnswer
from modelyard.rollouts.domain import Rollout
from modelyard.rollouts.gateway_meter import GatewayMeter
from modelyard.rollouts.plan_store import StoredPlan
from modelyard.rollouts.schemas import (
    PlanAnswer,
    PlanBody,
    ReasonBody,
    RolloutAnswer,
    RolloutsAnswer,
    StartBody,
)
from modelyard.rollouts.service import RolloutService
from modelyard.rollouts.states import RolloutStatus
from modelyard.traffic.schemas import ComparisonAnswer

Read = Annotated[Principal, Depends(Requires(Permission.GATEWAY_READ))]
Release = Annotated[Principal, Depends(Requires(Permission.RELEASES_WRITE))]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]
Cursor = Annotated[str | None, Query(max_length=MAX_CURSOR)]


def rollout_routes(rollouts: RolloutService, meter: GatewayMeter) -> APIRouter:
    """Starting, looking at and moving roll-outs."""
    router = APIRouter(prefix="/api/v1/rollouts", tags=["rollouts"])

    @router.post("", status_code=201)
    def start(caller: Release, body: StartBody, response: Response) -> RolloutAnswer:
        """Have a version in staging take over from the version in production, step by step."""
        plan = None if body.plan is None else body.plan.plan()
        return _answer(rollouts.start(caller, body.name, body.version, plan), response)

    @router.get("", dependencies=OF_OWN_TENANT)
    def list_rollouts(
        caller: Read,
        name: str | None = None,
        status: RolloutStatus | None = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> RolloutsAnswer:
        """Roll-outs of all models, newest first."""
        page = rollouts.page(caller, model_name=name, status=status, limit=limit, cursor=cursor)
        return RolloutsAnswer(rollouts=[RolloutAnswer.of(one) for one in page.items], next_cursor=page.next_cursor)

    @router.get("/{rollout_id}")
    def get_rollout(caller: Read, rollout_id: str, response: Response) -> RolloutAnswer:
        """One roll-out, with what its guardrails say."""
        return _answer(rollouts.get(caller, rollout_id), response)

    @router.get("/{rollout_id}/comparison")
    def comparison(caller: Read, rollout_id: str) -> ComparisonAnswer:
        """How the answers of the candidate as a shadow compare with those that callers get: a sample."""
        rollout = rollouts.get(caller, rollout_id)
        return ComparisonAnswer.of(
            meter.comparisons(rollout),
            former=rollout.former,
            candidate=rollout.candidate,
            tolerance=rollout.plan.tolerance,
        )

    @router.get("/{rollout_id}/analysis")
    def analysis(caller: Read, rollout_id: str) -> AnalysisAnswer:
        """The evidence of each guardrail over the requests of the candidate, and the bounds at which it decides."""
        return AnalysisAnswer.of(rollouts.get(caller, rollout_id))

    @router.post("/{rollout_id}/pause")
    def pause(
        caller: Release, rollout_id: str, body: ReasonBody, expected: ExpectedRevision, response: Response
    ) -> RolloutAnswer:
        """Stay in this step until somebody resumes it."""
        return _answer(rollouts.pause(caller, rollout_id, reason=body.reason, revision=expected), response)

    @router.post("/{rollout_id}/resume")
    def resume(
        caller: Release, rollout_id: str, body: ReasonBody, expected: ExpectedRevision, response: Response
    ) -> RolloutAnswer:
        """Go on."""
        return _answer(rollouts.resume(caller, rollout_id, reason=body.reason, revision=expected), response)

    @router.post("/{rollout_id}/promote")
    def promote(
        caller: Release, rollout_id: str, body: ReasonBody, expected: ExpectedRevision, response: Response
    ) -> RolloutAnswer:
        """Leave out all steps but the last one; it needs the same approval as ever."""
        return _answer(rollouts.promote(caller, rollout_id, reason=body.reason, revision=expected), response)

    @router.post("/{rollout_id}/abort")
    def abort(
        caller: Release, rollout_id: str, body: ReasonBody, expected: ExpectedRevision, response: Response
    ) -> RolloutAnswer:
        """Send all requests to the former version, and take the candidate back."""
        return _answer(rollouts.abort(caller, rollout_id, reason=body.reason, revision=expected), response)

    return router


def rollout_plan_routes(rollouts: RolloutService) -> APIRouter:
    """The plans by which promotions are rolled out."""
    router = APIRouter(prefix="/api/v1/rollout-plans", tags=["rollouts"])

    @router.get("/{name}")
    def get_plan(caller: Read, name: str, response: Response) -> PlanAnswer:
        """The plan by which promotions of a model are rolled out."""
        return _plan_answer(rollouts.plan(caller, name), response)

    @router.put("/{name}")
    def set_plan(
        caller: Release, name: str, body: PlanBody, expected: ExpectedRevision, response: Response
    ) -> PlanAnswer:
        """Have each promotion of a model rolled out by this plan."""
        return _plan_answer(rollouts.set_plan(caller, name, body.plan(), revision=expected), response)

    @router.delete("/{name}", status_code=204)
    def remove_plan(caller: Release, name: str) -> None:
        """Have promotions of a model take all requests at once again."""
        rollouts.remove_plan(caller, name)

    return router


def _answer(rollout: Rollout, response: Response) -> RolloutAnswer:
    set_etag(response, rollout.revision)
    return RolloutAnswer.of(rollout)


def _plan_answer(stored: StoredPlan, response: Response) -> PlanAnswer:
    set_etag(response, stored.revision)
    return PlanAnswer.of(stored)
