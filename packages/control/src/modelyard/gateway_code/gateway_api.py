"""The route table as objects of the Kubernetes Gateway API (HTTPRoute of v1, standard channel). Pure.

Of its routes the most specific one holds there, and here the first. What the standard cannot say is never weakened: a
route that sends requests on is refused by the name of its field, and one that only words a refusal is left out and
noted, as the gateway answers 404 there.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from modelyard.gateway.table import (
    Backend,
    Forward,
    Match,
    MatchKind,
    Mirror,
    RedirectToHttps,
    Respond,
    Route,
    RouteTable,
    ValueMatch,
)

_MOST_RULES = 16
"""Of one HTTPRoute."""
_OF_ALL = 10_000
_SERVICE = re.compile(r"(?P<name>[a-z0-9-]+)\.(?P<namespace>[a-z0-9-]+)\.svc(\.[a-z0-9.-]+)?\.?")
_NOT_IN_A_NAME = re.compile(r"[^a-z0-9-]+")
_PERMANENT = 301
_LISTENERS = {None: None, True: "http", False: "https"}
_API_VERSION = "gateway.networking.k8s.io/v1"


@dataclass(frozen=True, slots=True)
class Inexpressible:
    """A field of a route that the standard cannot say."""

    route: str
    field: str
    reason: str

    @property
    def sentence(self) -> str:
        """For people."""
        return f"{self.route}: {self.field}: {self.reason}"


@dataclass(frozen=True, slots=True)
class GatewayApiObjects:
    """What the table is there."""

    objects: Sequence[Mapping[str, Any]]
    refusals: Sequence[Inexpressible]
    notes: Sequence[str]
    """Routes that answer in place of a server, and are left out."""


class _CannotError(Exception):
    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field
        self.reason = reason


def gateway_api_objects(table: RouteTable, *, gateway: str, namespace: str) -> GatewayApiObjects:
    """The objects.

    Args:
        table: all its routes.
        gateway: the Gateway to which routes are attached; its listeners are `http` and `https`.
        namespace: of the routes, and of the gateway.
    """
    groups: dict[tuple[str, str | None], list[tuple[Route, dict[str, Any]]]] = {}
    refusals: list[Inexpressible] = []
    notes: list[str] = []
    for route in table.routes:
        if isinstance(route.action, Respond) and route.action.status == HTTPStatus.SERVICE_UNAVAILABLE:
            refusals.append(Inexpressible(route.name, "destinations", f"nothing serves it now ({route.action.code})"))
            continue
        if isinstance(route.action, Respond):
            notes.append(f"{route.name}: it answers {route.action.status} ({route.action.code}), which becomes 404")
            continue
        try:
            rule = _rule(route, table.backends)
        except _CannotError as exc:
            refusals.append(Inexpressible(route.name, exc.field, exc.reason))
        else:
            groups.setdefault((_title(route), _LISTENERS[route.match.plain_http]), []).append((route, rule))
    refusals += _misordered(table.routes)
    objects = [
        each
        for (title, listener), rules in groups.items()
        for each in _http_routes(title, listener, rules, gateway=gateway, namespace=namespace)
    ]
    return GatewayApiObjects(objects, refusals, notes)


def _http_routes(
    title: str, listener: str | None, rules: list[tuple[Route, dict[str, Any]]], *, gateway: str, namespace: str
) -> Iterator[Mapping[str, Any]]:
    """As many as the rules need."""
    parent = {"name": gateway} if listener is None else {"name": gateway, "sectionName": listener}
    section = "" if listener is None else f"-{listener}"
    for number, start in enumerate(range(0, len(rules), _MOST_RULES)):
        part = rules[start : start + _MOST_RULES]
        name = f"{_object_name(title)}{section}{f'-{number}' if number else ''}"
        yield {
            "apiVersion": _API_VERSION,
            "kind": "HTTPRoute",
            "metadata": {
                "name": name,
                "namespace": namespace,
                "labels": {"app.kubernetes.io/managed-by": "modelyard"},
                "annotations": {"modelyard.dev/routes": ", ".join(route.name for route, _ in part)},
            },
            "spec": {"parentRefs": [parent], "rules": [rule for _, rule in part]},
        }


def _rule(route: Route, backends: Mapping[str, Backend]) -> dict[str, Any]:
    rule: dict[str, Any] = {"matches": _matches(route.match)}
    if isinstance(route.action, RedirectToHttps):
        redirect = {"scheme": "https", "statusCode": _PERMANENT}
        return {**rule, "filters": [{"type": "RequestRedirect", "requestRedirect": redirect}]}
    if isinstance(route.action, Respond):
        raise TypeError(route.name)
    if route.access.needs_subscription:
        raise _CannotError("access.needs_subscription", "the standard has no keys, and the route would be open")
    if route.action.sticky is not None:
        raise _CannotError("sticky", "session persistence is not of the standard channel")
    forward = route.action
    rule["filters"] = list(_filters(route, forward, backends))
    if not rule["filters"]:
        del rule["filters"]
    rule["backendRefs"] = [
        {**_backend_ref(backends[each.backend]), "weight": each.weight} for each in forward.destinations
    ]
    if forward.timeout_seconds is not None:
        rule["timeouts"] = {"request": f"{round(forward.timeout_seconds * 1000)}ms"}
    return rule


def _matches(match: Match) -> list[dict[str, Any]]:
    """One for each method, as all conditions of one must hold."""
    if match.grpc:
        raise _CannotError("match.grpc", "an HTTPRoute does not tell gRPC from HTTP")
    found: dict[str, Any] = {"path": _path(match)}
    if match.headers:
        found["headers"] = [_value_match(each, "match.headers") for each in match.headers]
    if match.query:
        found["queryParams"] = [_value_match(each, "match.query") for each in match.query]
    return [{**found, "method": method} for method in sorted(match.methods)] or [found]


def _path(match: Match) -> dict[str, str]:
    if not match.segments:
        return {"type": "PathPrefix", "value": match.path}
    raise _CannotError("match.segments", "regular expressions of paths differ between implementations")


def _value_match(match: ValueMatch, field: str) -> dict[str, str]:
    if match.kind is not MatchKind.EXACT or match.value is None:
        raise _CannotError(f"{field}.{match.name}", f"the standard compares exactly, not as '{match.kind}'")
    if match.name.startswith(":"):
        raise _CannotError(f"{field}.{match.name}", "it is no header of the standard")
    return {"type": "Exact", "name": match.name, "value": match.value}


def _filters(route: Route, forward: Forward, backends: Mapping[str, Backend]) -> Iterator[dict[str, Any]]:
    if forward.request_headers:
        yield {"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": _headers(forward.request_headers)}}
    if route.response_headers:
        yield {"type": "ResponseHeaderModifier", "responseHeaderModifier": {"set": _headers(route.response_headers)}}
    for mirror in forward.mirrors:
        yield {"type": "RequestMirror", "requestMirror": _mirror(mirror, backends)}
    if rewrite := _rewrite(route, forward, [backends[each.backend] for each in forward.destinations]):
        yield {"type": "URLRewrite", "urlRewrite": rewrite}


def _rewrite(route: Route, forward: Forward, backends: Sequence[Backend]) -> dict[str, Any]:
    """What of the path, and as which host, requests are sent on: the same for all destinations."""
    if len({(each.path, each.host) for each in backends}) > 1:
        raise _CannotError("destinations", "they have different paths or hosts")
    rewrite: dict[str, Any] = {}
    host, above = (backends[0].host, backends[0].path) if backends else (None, "")
    if host is not None:
        rewrite["hostname"] = host.partition(":")[0]
    segments = [each for each in route.match.path.split("/") if each]
    if forward.strip > len(segments):
        raise _CannotError("strip", "more is taken from the path than the route compares")
    if forward.strip or above:
        kept = "/".join(segments[forward.strip :])
        replaced = "/".join(part for part in (above.rstrip("/"), kept) if part)
        rewrite["path"] = {"type": "ReplacePrefixMatch", "replacePrefixMatch": f"/{replaced.lstrip('/')}"}
    return rewrite


def _mirror(mirror: Mirror, backends: Mapping[str, Backend]) -> dict[str, Any]:
    reference = {"backendRef": _backend_ref(backends[mirror.backend])}
    if mirror.percent == int(mirror.percent):
        return {**reference, "percent": int(mirror.percent)}
    return {**reference, "fraction": {"numerator": round(mirror.percent * _OF_ALL / 100), "denominator": _OF_ALL}}


def _backend_ref(backend: Backend) -> dict[str, Any]:
    """The Service in front of the servers; everything else would need objects that are not of the standard."""
    if backend.uses_tls:
        raise _CannotError(f"backends.{backend.name}", "TLS to servers needs a policy of its own (BackendTLSPolicy)")
    services = {found["name"]: found["namespace"] for found in map(_service, backend.endpoints) if found is not None}
    if len(services) != 1 or len(backend.endpoints) != 1:
        raise _CannotError(f"backends.{backend.name}", "expected one Service of the cluster, like name.namespace.svc")
    ((name, namespace),) = services.items()
    return {"name": name, "namespace": namespace, "port": backend.endpoints[0].port}


def _service(endpoint: Any) -> re.Match[str] | None:
    return _SERVICE.fullmatch(endpoint.host)


def _misordered(routes: Sequence[Route]) -> Iterator[Inexpressible]:
    """Routes that would be taken before another one that comes first here."""
    kept = [route for route in routes if not isinstance(route.action, Respond)]
    for index, later in enumerate(kept):
        for earlier in kept[:index]:
            is_below = f"{later.match.path.rstrip('/')}/".startswith(f"{earlier.match.path.rstrip('/')}/")
            if is_below and _specificity(later.match) > _specificity(earlier.match) and _overlap(earlier, later):
                yield Inexpressible(later.name, "order", f"the standard takes it before '{earlier.name}'")


def _specificity(match: Match) -> tuple[int, int, int, int]:
    """By what the standard chooses: the longest path, then the method, then most headers, then most parameters."""
    return len(match.path), len(match.methods), len(match.headers), len(match.query)


def _overlap(one: Route, other: Route) -> bool:
    """Whether a request can match both: not where they want different values of one header or parameter."""
    schemes = {one.match.plain_http, other.match.plain_http}
    if schemes == {True, False}:
        return False
    for mine, theirs in ((one.match.headers, other.match.headers), (one.match.query, other.match.query)):
        values = {each.name: each.value for each in mine if each.kind is MatchKind.EXACT}
        if any(each.name in values and values[each.name] != each.value for each in theirs):
            return False
    return True


def _headers(headers: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in headers.items()]


def _title(route: Route) -> str:
    """What the route belongs to."""
    return f"{route.tenant_id}/{route.api_id or route.model_name or route.name}"


def _object_name(title: str) -> str:
    """A name of Kubernetes, which another title does not get."""
    digest = hashlib.sha256(title.encode()).hexdigest()[:8]
    return f"{_NOT_IN_A_NAME.sub('-', title.lower()).strip('-')[:40].strip('-')}-{digest}"
