"""What nodes of the gateway report of usage: these log in with the nodes' credential."""

from typing import Annotated

from fastapi import Depends, Path
from pydantic import Field

from modelyard.http.bodies import RequestBody
from modelyard.http.guard import Requires
from modelyard.http.moment import Moment
from modelyard.http.routing import APIRouter
from modelyard.principals import Permission
from modelyard.subscriptions.usage import Usage
from modelyard.subscriptions.usage_rows import UsageRow

_Count = Annotated[int, Field(ge=0, lt=2**63)]
_Time = Annotated[Moment, Field(strict=False)]


class UsageRowRequest(RequestBody):
    """What one caller had of one API or model in one hour."""

    tenant_id: Annotated[str, Field(max_length=40)]
    subscription_id: Annotated[str, Field(max_length=40)]
    scope: Annotated[str, Field(max_length=280, pattern=r"^(api|model):")]
    hour: _Time
    calls: _Count
    refused: _Count
    over_limit: _Count
    failed: _Count
    last_at: _Time


class UsageRequest(RequestBody):
    """What a node counted since its report before."""

    number: _Count
    rows: Annotated[list[UsageRowRequest], Field(max_length=100_000)]


def usage_report_routes(usage: Usage) -> APIRouter:
    """For nodes alone."""
    serves = [Depends(Requires(Permission.GATEWAY_SERVE))]
    router = APIRouter(prefix="/api/v1/gateway/nodes", dependencies=serves, include_in_schema=False)

    @router.put("/{name}/usage", status_code=204)
    def note_usage(name: Annotated[str, Path(max_length=100)], body: UsageRequest) -> None:
        """Add what the node counted, unless this report was counted already."""
        usage.note(name, body.number, [UsageRow(**row.model_dump()) for row in body.rows])

    return router
