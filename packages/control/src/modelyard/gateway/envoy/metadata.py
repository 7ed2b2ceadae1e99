"""What a route says of itself to filters, the access log and errors."""

from typing import Any

from modelyard.gateway.envoy.access_filters import access_metadata
from modelyard.gateway.table import Forward, Respond, Route, RouteTable

NAMESPACE = "modelyard"
"""As `modelyard.gateway_node.access_log` reads it."""


def route_metadata(route: Route, table: RouteTable) -> dict[str, Any]:
    """`filter_metadata` of a route."""
    said: dict[str, Any] = {"tenant": route.tenant_id}
    if route.api_id is not None:
        said["api"] = route.api_id
    if isinstance(route.action, Forward):
        said |= _model(route.action, table)
        if route.action.version is not None:
            said["code"] = "version_moved"  # Of the answer when no server of the version could be found.
    if isinstance(route.action, Respond):
        said["code"] = route.action.code
    return {"filter_metadata": {NAMESPACE: said, **access_metadata(route)}}


def _model(action: Forward, table: RouteTable) -> dict[str, str]:
    """All destinations of a route serve one model, or none of ours."""
    name = table.backends[action.destinations[0].backend].model_name
    return {} if name is None else {"model": name}
