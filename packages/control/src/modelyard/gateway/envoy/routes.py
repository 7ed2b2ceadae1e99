"""The route configuration: one virtual host with the table's routes, in their order."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from modelyard.envoy.resources import typed
from modelyard.gateway.envoy.clusters import cluster_name, shadow_name
from modelyard.gateway.envoy.matches import route_match
from modelyard.gateway.envoy.metadata import route_metadata
from modelyard.gateway.table import (
    VERSION_HEADER,
    Forward,
    Mirror,
    RedirectToHttps,
    Respond,
    Route,
    RouteTable,
    Sticky,
    StickyBy,
)
from modelyard.gateway_node import ROUTES_NAME
from modelyard.gateway_node.comparer import COMPARE_HEADER, COMPARER
from modelyard.gateway_node.misdirected import MISDIRECTED_HEADER

CLIENT_HEADER = "modelyard-subscription"
"""Who calls, as the filter of keys says it; no caller can set it."""
SHADOW_HEADER = "modelyard-shadow"
_NEVER = "0s"
_RETRIES = {
    # Where nothing of the request was sent, or the server said that it did not begin: a prediction is made once.
    "retry_on": "connect-failure,refused-stream,reset-before-request",
    "num_retries": 3,
    "retry_host_predicate": [
        {
            "name": "envoy.retry_host_predicates.previous_hosts",
            "typed_config": typed("envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"),
        }
    ],
    "host_selection_retry_max_attempts": 3,
}
_RETRIES_OF_VERSION = {
    **_RETRIES,
    # Of two versions at one address, during a replacement, each connection leads to one.
    "retry_on": f"{_RETRIES['retry_on']},retriable-headers",
    "retriable_headers": [{"name": MISDIRECTED_HEADER, "present_match": True}],
    "num_retries": 8,
    "retry_back_off": {"base_interval": "0.01s", "max_interval": "0.1s"},
}
_LISTS = frozenset({"vary", "link"})
_GRPC_STATUS = {400: "3", 401: "16", 403: "7", 404: "5", 410: "5", 503: "14"}
"""INVALID_ARGUMENT, UNAUTHENTICATED, PERMISSION_DENIED, NOT_FOUND, UNAVAILABLE: Envoy would say others."""
_UNKNOWN = "2"
_HUNDRED_PERCENT = 1_000_000
_NO_TLS = Respond(403, "https_required", "this API takes https only, and this gateway has no certificate")


def route_configuration(table: RouteTable, *, https_port: int | None) -> dict[str, Any]:
    """`RouteConfiguration` of a table.

    Args:
        https_port: where callers find the gateway with TLS; None: nowhere, so that nobody is sent there.
    """
    routes = [_route(route, table, https_port) for route in table.routes]
    return typed(
        "envoy.config.route.v3.RouteConfiguration",
        name=ROUTES_NAME,
        # So that `OVERWRITE` holds for what the more general level adds too.
        most_specific_header_mutations_wins=True,
        virtual_hosts=[{"name": ROUTES_NAME, "domains": ["*"], "routes": routes}],
    )


def _route(route: Route, table: RouteTable, https_port: int | None) -> dict[str, Any]:
    action = route.action
    found: dict[str, Any] = {
        "name": route.name,
        "match": route_match(route.match),
        "metadata": route_metadata(route, table),
        "response_headers_to_add": [_header(name, value) for name, value in route.response_headers.items()],
    }
    match action:
        case Forward():
            forward = _forward(action, table, is_grpc=bool(route.match.grpc))
            return found | {"route": forward} | _request_headers(route, action)
        case RedirectToHttps() if https_port is not None:
            redirect = {"https_redirect": True, "port_redirect": https_port, "response_code": "PERMANENT_REDIRECT"}
            return found | {"redirect": redirect}
        case _:
            answer = action if isinstance(action, Respond) else _NO_TLS
            if route.match.grpc:
                status = _GRPC_STATUS.get(answer.status, _UNKNOWN)
                found["response_headers_to_add"].append(_header("grpc-status", status))
            return found | {"direct_response": {"status": answer.status, "body": {"inline_string": answer.message}}}


def _forward(action: Forward, table: RouteTable, *, is_grpc: bool) -> dict[str, Any]:
    backend = table.backends[action.destinations[0].backend]
    forward: dict[str, Any] = {
        "timeout": _timeout(action.timeout_seconds),
        "idle_timeout": _NEVER,
        "retry_policy": _RETRIES,
    }
    if action.version is not None:
        forward["retry_policy"] = _RETRIES_OF_VERSION
    if len(action.destinations) == 1:
        forward["cluster"] = cluster_name(action.destinations[0].backend, is_grpc=is_grpc)
    else:
        forward["weighted_clusters"] = {
            "clusters": [
                {"name": cluster_name(each.backend, is_grpc=is_grpc), "weight": each.weight}
                for each in action.destinations
            ],
            **({} if action.sticky is None else {"use_hash_policy": True}),
        }
    if action.sticky is not None:
        forward["hash_policy"] = _hash_policy(action.sticky)
    if action.mirrors:
        forward["request_mirror_policies"] = [
            policy for mirror in action.mirrors for policy in _mirror(mirror, is_grpc=is_grpc)
        ]
    if action.strip or backend.path:
        forward["regex_rewrite"] = {
            "pattern": {"regex": rf"^(?:/[^/]+){{{action.strip}}}(?:/|$)"},
            "substitution": f"{backend.path}/",
        }
    if backend.host is not None:
        forward["host_rewrite_literal"] = backend.host
    return forward


def _timeout(seconds: float | None) -> str:
    """In whole milliseconds, one at least: nothing would be no timeout, and Envoy reads no exponents."""
    return _NEVER if seconds is None else f"{max(seconds, 0.001):.3f}".rstrip("0").rstrip(".") + "s"


def _request_headers(route: Route, action: Forward) -> dict[str, Any]:
    added = [_header(name, value) for name, value in action.request_headers.items()]
    # Callers of an API do not choose versions; a server that has another one than they name would refuse.
    removes = route.api_id is not None and VERSION_HEADER not in action.request_headers
    return ({"request_headers_to_add": added} if added else {}) | (
        {"request_headers_to_remove": [VERSION_HEADER]} if removes else {}
    )


def _hash_policy(sticky: Sticky) -> list[Mapping[str, Any]]:
    """The salt is in what is hashed, so that two experiments divide the same callers in different ways."""
    match sticky.by:
        case StickyBy.HEADER:
            return [_hashed_header(str(sticky.name), sticky.salt)]
        case StickyBy.COOKIE:
            pattern = rf"(?:^|.*;\s*){re.escape(str(sticky.name))}=([^;]*).*"
            return [_hashed_header("cookie", sticky.salt, pattern)]
        case StickyBy.CLIENT:
            by_address = {"connection_properties": {"source_ip": True}}
            return [_hashed_header(CLIENT_HEADER, sticky.salt) | {"terminal": True}, by_address]


def _hashed_header(name: str, salt: str, pattern: str = "^(.*)$") -> dict[str, Any]:
    rewrite = {"pattern": {"regex": pattern}, "substitution": rf"{salt}:\1"}
    return {"header": {"header_name": name, "regex_rewrite": rewrite}}


def _mirror(mirror: Mirror, *, is_grpc: bool) -> Iterator[dict[str, Any]]:
    """A copy for the shadow, and where answers are compared one for the node, which asks both versions."""
    backend = cluster_name(shadow_name(mirror.backend), is_grpc=is_grpc)
    marks = [_header(SHADOW_HEADER, "1")]
    yield _copies(backend, mirror.percent, marks)
    comparison = mirror.comparison
    if comparison is not None and not is_grpc:
        against = cluster_name(comparison.against, is_grpc=is_grpc)
        compared = _header(COMPARE_HEADER, f"{against} {backend} {comparison.tolerance:g} {comparison.name}")
        yield _copies(COMPARER, mirror.percent, [*marks, compared])


def _copies(cluster: str, percent: float, headers: list[dict[str, Any]]) -> dict[str, Any]:
    share = {"numerator": round(percent * _HUNDRED_PERCENT / 100), "denominator": "MILLION"}
    return {
        "cluster": cluster,
        "runtime_fraction": {"default_value": share},
        "disable_shadow_host_suffix_append": True,
        "request_headers_mutations": [{"append": each} for each in headers],
    }


def _header(name: str, value: str) -> dict[str, Any]:
    action = "APPEND_IF_EXISTS_OR_ADD" if name in _LISTS else "OVERWRITE_IF_EXISTS_OR_ADD"
    # A percent sign begins a command of Envoy's; two are one sign.
    return {"header": {"key": name, "value": value.replace("%", "%%")}, "append_action": action}
