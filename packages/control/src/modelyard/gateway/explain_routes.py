"""The route of `explain`."""

from typing import Annotated

from fastapi import Depends, Query
from pydantic import BaseModel, Field

from modelyard.gateway.explain import Explaining, Explanation
from modelyard.gateway.table import Respond
from modelyard.http.guard import Requires
from modelyard.http.header_lines import headers_of
from modelyard.http.routing import APIRouter
from modelyard.principals import Permission, Principal

Read = Annotated[Principal, Depends(Requires(Permission.GATEWAY_READ))]
Url = Annotated[str, Query(max_length=4000, examples=["/churn/predict"])]
Method = Annotated[str, Query(pattern=r"^[A-Z]{1,20}$")]
Headers = Annotated[list[Annotated[str, Field(max_length=1000)]], Query(max_length=20)]


class DestinationAnswer(BaseModel):
    """A server, and its part of the requests."""

    backend: str
    model_name: str | None
    version: int | None
    percent: float


class ExplanationAnswer(BaseModel):
    """What a request gets, and why."""

    outcome: str = Field(description="forward, redirect, respond, or reject")
    sentence: str
    route: str | None
    api_id: str | None
    model_name: str | None
    status: int | None = Field(description="of an answer of the gateway's own")
    code: str | None
    needs_subscription: bool | None
    destinations: list[DestinationAnswer]
    path: str | None = Field(description="what the server is asked for")

    @classmethod
    def of(cls, explanation: Explanation) -> "ExplanationAnswer":
        """The explanation on the wire."""
        route = explanation.route
        action = None if route is None else route.action
        return cls(
            outcome=explanation.outcome,
            sentence=explanation.sentence,
            route=None if route is None else route.name,
            api_id=None if route is None else route.api_id,
            model_name=None if route is None else route.model_name,
            status=action.status if isinstance(action, Respond) else None,
            code=action.code if isinstance(action, Respond) else None,
            needs_subscription=None if route is None else route.access.needs_subscription,
            destinations=[
                DestinationAnswer(
                    backend=backend.name, model_name=backend.model_name, version=backend.version, percent=percent
                )
                for backend, percent in explanation.destinations
            ],
            path=explanation.path,
        )


def explain_routes(explaining: Explaining) -> APIRouter:
    """Why a request goes where it goes."""
    router = APIRouter(prefix="/api/v1/gateway", tags=["gateway"])

    @router.get("/explain")
    def explain(caller: Read, url: Url, method: Method = "GET", header: Headers = []) -> ExplanationAnswer:  # noqa: B006 - FastAPI's default, which nobody changes
        """What a request would get, without sending it. A header is `name: value`."""
        given: dict[str, list[str]] = {}
        for name, value in headers_of(header):
            given.setdefault(name, []).append(value)
        return ExplanationAnswer.of(explaining.explain(caller, url, method=method, headers=given))

    return router
