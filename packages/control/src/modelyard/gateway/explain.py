"""Says where a request would go, and why: the route table is asked, and nothing is sent."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from modelyard.errors import Invalid
from modelyard.gateway.evaluate import Request, find_route, normal_path, path_left
from modelyard.gateway.table import Backend, Forward, RedirectToHttps, Respond, Route, RouteTable
from modelyard.principals import Principal

GATEWAY = "gateway/"
"""With this the names of routes begin that are of no tenant."""
_REJECTED = "the path has an escaped slash or NUL, which the gateway lets through in no path"
_OTHERS = "the path is none of this tenant's"


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    """What a request gets. Without a route it is refused before routes are looked at."""

    sentence: str
    route: Route | None = None
    destinations: Sequence[tuple[Backend, float]] = ()
    """Where it goes, each with its part of the requests in percent."""
    path: str | None = None
    """What the server is asked for."""

    @property
    def outcome(self) -> str:
        """One word."""
        match self.route.action if self.route is not None else None:
            case Forward():
                return "forward"
            case RedirectToHttps():
                return "redirect"
            case Respond():
                return "respond"
            case _:
                return "reject"


class Explaining:
    """Asks the table as it would be compiled now.

    Args:
        refused_routes: which parts of a tenant's routes nodes refuse, and why.
    """

    def __init__(self, *, table: Callable[[], RouteTable], refused_routes: Callable[[str], Mapping[str, str]]) -> None:
        self._table = table
        self._refused_routes = refused_routes

    def explain(
        self, principal: Principal, url: str, *, method: str, headers: Mapping[str, Sequence[str]]
    ) -> Explanation:
        """What a request of this tenant's would get.

        Raises:
            Invalid: code `url_invalid`.
        """
        table, request = self._table(), _request(url, method, headers)
        route = find_route(table, request)
        if route is None:
            return Explanation(sentence=_REJECTED)
        if route.tenant_id != principal.tenant_id and not route.name.startswith(GATEWAY):
            return Explanation(sentence=_OTHERS)
        sentence = f"{route.reason}{self._refused(route)}"
        if not isinstance(route.action, Forward):
            return Explanation(sentence=sentence, route=route)
        whole = sum(each.weight for each in route.action.destinations)
        return Explanation(
            sentence=sentence,
            route=route,
            destinations=[
                (table.backends[each.backend], 100 * each.weight / whole) for each in route.action.destinations
            ],
            path=path_left(normal_path(request.path) or "/", route.action.strip),
        )

    def _refused(self, route: Route) -> str:
        why = self._refused_routes(route.tenant_id).get(route.part.name or "")
        return "" if why is None else f"; but the gateway refuses that, and goes on as before: {why}"


def _request(url: str, method: str, headers: Mapping[str, Sequence[str]]) -> Request:
    try:
        parts = urlsplit(url)
        authority = parts.netloc
    except ValueError as exc:
        raise _invalid(url) from exc
    if parts.scheme not in {"", "http", "https"} or not (parts.path.startswith("/") or (authority and not parts.path)):
        raise _invalid(url)
    return Request(
        method=method,
        path=parts.path or "/",
        query=parts.query,
        headers=headers,
        authority=authority or "localhost",
        is_tls=parts.scheme == "https",
    )


def _invalid(url: str) -> Invalid:
    return Invalid(
        f"url: expected an address of the gateway, or a path that begins with '/', got {url[:80]!r}",
        code="url_invalid",
        field="url",
    )
