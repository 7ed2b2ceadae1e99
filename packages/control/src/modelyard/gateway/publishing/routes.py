"""The status of the gateway, and what its nodes ask: these log in with the nodes' credential."""

import asyncio
import socket
import time
from collections.abc import Callable
from typing import Annotated

from anyio import to_thread
from fastapi import Depends, Path, Query, Request, Response

from modelyard.gateway.publishing.addresses import ip_addresses, public_addresses
from modelyard.gateway.publishing.counting import Counting
from modelyard.gateway.publishing.refusals import Refusals
from modelyard.gateway.publishing.schemas import CountersRequest, GatewayStatusAnswer, NodeReportRequest
from modelyard.gateway.publishing.service import Publishing
from modelyard.gateway_node.control_plane import WAIT_SECONDS
from modelyard.http.guard import Requires
from modelyard.http.routing import APIRouter
from modelyard.principals import FIRST_TENANT, Permission, Principal

Read = Annotated[Principal, Depends(Requires(Permission.GATEWAY_READ))]
Name = Annotated[str, Path(max_length=100)]
Seen = Annotated[str | None, Query(max_length=64)]
Wait = Annotated[float, Query(ge=0, le=WAIT_SECONDS)]
PREFIX = "/api/v1/gateway"
_LOOK_SECONDS = 0.1


def status_route(publishing: Publishing, refusals: Refusals, *, url: str | None) -> APIRouter:
    """What the gateway runs, and where it is called."""
    router = APIRouter(prefix=PREFIX, tags=["gateway"])

    @router.get("/status")
    def gateway_status(caller: Read) -> GatewayStatusAnswer:
        """The gateway's addresses, its newest configuration, and its nodes."""
        status = publishing.status()
        addresses = public_addresses(url, status.nodes)
        is_operator = caller.tenant_id == FIRST_TENANT
        return GatewayStatusAnswer.of(
            status,
            addresses=addresses,
            public_ip_addresses=ip_addresses(addresses, _look_up),
            refused=refusals.every() if is_operator else refusals.of_tenant(caller.tenant_id),
            shows_nodes=is_operator,
        )

    return router


def node_routes(
    publishing: Publishing, refusals: Refusals, counting: Counting, *, is_stopping: Callable[[], bool]
) -> APIRouter:
    """For nodes alone. A request that waits ends as soon as this process stops."""
    serves = [Depends(Requires(Permission.GATEWAY_SERVE))]
    router = APIRouter(prefix=PREFIX, dependencies=serves, include_in_schema=False)

    @router.get("/configuration")
    async def newer_configuration(request: Request, seen: Seen = None, wait_seconds: Wait = 0) -> Response:
        """The newest configuration, once it is another one than `seen`; 204 when none comes while it waits."""
        deadline = time.monotonic() + wait_seconds
        while (content := await to_thread.run_sync(publishing.newer, seen)) is None:
            if time.monotonic() >= deadline or is_stopping() or await request.is_disconnected():
                return Response(status_code=204)
            await asyncio.sleep(_LOOK_SECONDS)
        return Response(content, media_type="application/json")

    @router.put("/nodes/{name}", status_code=204)
    def report(name: Name, body: NodeReportRequest) -> None:
        """Keep what the node says of itself."""
        report = body.report()
        refusals.note(name, report.refused_parts)
        publishing.note_report(name, report)

    @router.put("/nodes/{name}/counters", status_code=204)
    def count(name: Name, body: CountersRequest) -> None:
        """Keep what the node has counted of each deployment's requests."""
        counted = [each.counters() for each in body.counters]
        counting.note(name, counted, [each.counters() for each in body.comparisons])

    return router


def _look_up(host: str) -> list[str]:
    """The addresses of the operator's own name; none where it has none."""
    try:
        return sorted({str(found[4][0]) for found in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)})
    except (OSError, UnicodeError):
        return []
