"""The route of drift."""

from typing import Annotated

from fastapi import Depends, Query

from modelyard.drift.schemas import DriftReportAnswer
from modelyard.drift.service import DriftService
from modelyard.http.guard import Requires
from modelyard.http.routing import APIRouter
from modelyard.principals import Permission, Principal

Read = Annotated[Principal, Depends(Requires(Permission.DEPLOYMENTS_READ))]
Hours = Annotated[float | None, Query(gt=0, le=48, description="How far back; else as far as a judgement needs.")]


def drift_routes(drift: DriftService) -> APIRouter:
    """Drift of deployments."""
    router = APIRouter(prefix="/api/v1/deployments", tags=["deployments"])

    @router.get("/{deployment_id}/drift")
    def drift_of(caller: Read, deployment_id: str, hours: Hours = None) -> DriftReportAnswer:
        """What it got and answered lately, against the training data of its version: each feature, and why."""
        return DriftReportAnswer.of(drift.report(caller, deployment_id, hours=hours))

    return router
