"""The routes of outcomes, and what nodes of the gateway say of answers."""

from typing import Annotated

from fastapi import Depends, Path, Query
from pydantic import Field

from modelyard.gateway_node.answer_log import MOST_ANSWERS, AnsweredRequest
from modelyard.http.bodies import RequestBody
from modelyard.http.guard import Requires
from modelyard.http.routing import APIRouter
from modelyard.outcomes.schemas import Metric, OutcomeReportAnswer, OutcomesBody, RecordedAnswer
from modelyard.outcomes.service import OutcomeService
from modelyard.principals import Permission, Principal

Read = Annotated[Principal, Depends(Requires(Permission.GATEWAY_READ))]
Release = Annotated[Principal, Depends(Requires(Permission.RELEASES_WRITE))]
VersionQuery = Annotated[int, Query(ge=1)]
Alpha = Annotated[float, Query(ge=1e-6, le=0.5)]


class AnsweredBody(RequestBody):
    """One request that a version answered."""

    tenant_id: Annotated[str, Field(max_length=40)]
    model_name: Annotated[str, Field(max_length=255)]
    version: Annotated[int, Field(ge=1)]
    request_id: Annotated[str, Field(max_length=128)]


class AnswersBody(RequestBody):
    """What a node read in its access log."""

    answers: Annotated[list[AnsweredBody], Field(max_length=MOST_ANSWERS)]


def outcome_routes(outcomes: OutcomeService) -> APIRouter:
    """What happened after answers of a model, and two versions compared by it."""
    router = APIRouter(prefix="/api/v1/ml/registry/models/{name}/outcomes", tags=["outcomes"])

    @router.post("")
    def record_outcomes(caller: Release, name: str, body: OutcomesBody) -> RecordedAnswer:
        """Record what really happened, by the request ids of the answers; sent again it changes nothing."""
        return RecordedAnswer.of(outcomes.record(caller, name, body.metric, body.given()))

    @router.get("/{metric}")
    def report(
        caller: Read, name: str, metric: Metric, control: VersionQuery, candidate: VersionQuery, alpha: Alpha = 0.05
    ) -> OutcomeReportAnswer:
        """Two versions, compared: how much their means differ, with bounds that hold however often one looks."""
        found = outcomes.report(caller, name, metric, control=control, candidate=candidate, alpha=alpha)
        return OutcomeReportAnswer.of(name, found)

    return router


def answer_routes(outcomes: OutcomeService) -> APIRouter:
    """For nodes of the gateway alone."""
    serves = [Depends(Requires(Permission.GATEWAY_SERVE))]
    router = APIRouter(prefix="/api/v1/gateway", dependencies=serves, include_in_schema=False)

    @router.post("/nodes/{name}/answers", status_code=204)
    def note_answers(name: Annotated[str, Path(max_length=100)], body: AnswersBody) -> None:
        """Remember which versions answered which requests."""
        del name
        outcomes.note_answers([AnsweredRequest(**each.model_dump()) for each in body.answers])

    return router
