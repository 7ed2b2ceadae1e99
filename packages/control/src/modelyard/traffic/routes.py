"""The routes of splits."""

from collections.abc import Callable, Sequence
from typing import Annotated

from fastapi import Depends, Response

from modelyard.gateway_node.comparer import ComparisonCounters
from modelyard.http.guard import Requires
from modelyard.http.own_tenant import OF_OWN_TENANT
from modelyard.http.revision import ExpectedRevision, set_etag
from modelyard.http.routing import APIRouter
from modelyard.principals import Permission, Principal
from modelyard.traffic.domain import Traffic
from modelyard.traffic.schemas import ComparisonAnswer, TrafficAnswer, TrafficBody, TrafficsAnswer
from modelyard.traffic.service import TrafficService

Read = Annotated[Principal, Depends(Requires(Permission.GATEWAY_READ))]
Release = Annotated[Principal, Depends(Requires(Permission.RELEASES_WRITE))]


def traffic_routes(
    traffic: TrafficService, compared: Callable[[str | None], Sequence[ComparisonCounters]]
) -> APIRouter:
    """Weights, stickiness and shadows of models' stable addresses.

    Args:
        compared: what nodes of the gateway found by the name of a comparison; nothing by none.
    """
    router = APIRouter(prefix="/api/v1/gateway/traffic", tags=["traffic"])

    @router.get("", dependencies=OF_OWN_TENANT)
    def list_traffic(caller: Read) -> TrafficsAnswer:
        """The models whose requests are divided."""
        return TrafficsAnswer(traffic=[TrafficAnswer.of(one) for one in traffic.of_tenant(caller)])

    @router.get("/{name}")
    def get_traffic(caller: Read, name: str, response: Response) -> TrafficAnswer:
        """How the requests of a model are divided."""
        return _answer(traffic.get(caller, name), response)

    @router.get("/{name}/comparison")
    def comparison(caller: Read, name: str) -> ComparisonAnswer:
        """How the answers of a model's shadow compare with those that callers get: a sample."""
        found = traffic.shadowed(caller, name)
        shadow = found.shadow
        return ComparisonAnswer.of(
            compared(found.name), former=found.answering, candidate=shadow.version, tolerance=shadow.tolerance
        )

    @router.put("/{name}")
    def set_traffic(
        caller: Release, name: str, body: TrafficBody, expected: ExpectedRevision, response: Response
    ) -> TrafficAnswer:
        """Divide the requests of a model between versions."""
        return _answer(traffic.set(caller, name, body.split(), revision=expected, reason=body.reason), response)

    @router.delete("/{name}", status_code=204)
    def remove_traffic(caller: Release, name: str, expected: ExpectedRevision, reason: str = "") -> None:
        """Send all requests of a model to the version in production again."""
        traffic.remove(caller, name, revision=expected, reason=reason)

    return router


def _answer(traffic: Traffic, response: Response) -> TrafficAnswer:
    set_etag(response, traffic.revision)
    return TrafficAnswer.of(traffic)
