"""What a node tells Prometheus of itself: routes of the listener for metrics, which Envoy reads from a file. Pure.

Envoy's own metrics are at `/metrics`. These are at `/metrics/node`, and stay as they were while no node works.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from modelyard.envoy.resources import typed
from modelyard.gateway_node.control_plane import RefusedPart
from modelyard.gateway_node.parts import PartKind

METRICS = "metrics"
"""The name of the listener, and of its routes."""
ADMIN_CLUSTER = "envoy-admin"
_KINDS = (PartKind.ROUTES, PartKind.TOKENS)


def metrics_routes(refused_parts: Iterable[RefusedPart], *, is_refused: bool) -> dict[str, Any]:
    """`RouteConfiguration` of the listener for metrics.

    Args:
        is_refused: whether the newest configuration is refused as a whole.
    """
    counts = Counter(each.kind for each in refused_parts)
    lines = [
        "# HELP modelyard_gateway_refused_parts What Envoy refuses of the newest configuration; what it was goes on.",
        "# TYPE modelyard_gateway_refused_parts gauge",
        *(f'modelyard_gateway_refused_parts{{kind="{kind}"}} {counts[kind]}' for kind in _KINDS),
        "# HELP modelyard_gateway_refused Whether the newest configuration is refused as a whole.",
        "# TYPE modelyard_gateway_refused gauge",
        f"modelyard_gateway_refused {int(is_refused)}",
    ]
    content_type = {"header": {"key": "content-type", "value": "text/plain; version=0.0.4; charset=utf-8"}}
    routes = [
        {
            "match": {"path": "/metrics"},
            "route": {"cluster": ADMIN_CLUSTER, "prefix_rewrite": "/stats/prometheus?usedonly"},
        },
        {
            "match": {"path": "/metrics/node"},
            "direct_response": {"status": 200, "body": {"inline_string": "\n".join(lines) + "\n"}},
            "response_headers_to_add": [content_type],
        },
    ]
    return typed(
        "envoy.config.route.v3.RouteConfiguration",
        name=METRICS,
        virtual_hosts=[{"name": METRICS, "domains": ["*"], "routes": routes}],
    )
