"""What a node is to run: resources of Envoy, without a word about the node that runs them. Pure."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from modelyard.errors import Invalid

Resource = Mapping[str, Any]
"""A message of Envoy as JSON, with its `@type`."""

Place = tuple[str, int]
"""The address and the port of a server."""

ROUTES_NAME = "gateway"
"""Of the one RouteConfiguration."""
_FIELDS = frozenset({"clusters", "endpoints", "routes", "filters", "runs"})
Rank = tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class RouteRun:
    """Routes that follow one another, and belong together."""

    part: str | None
    """What they are part of, the same for other runs of it; None: they are the gateway's own, and nobody's."""
    rank: Rank
    """By which runs are sorted, also those of two configurations that are mixed."""
    count: int
    """How many routes."""


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """Clusters, their endpoints, the routes to them, and the settings of the HTTP filters.

    Listeners are not part of it: a listener that changes drains its connections, so it is the node's, and stays.
    """

    clusters: tuple[Resource, ...]
    """`envoy.config.cluster.v3.Cluster`, each with another name. One of type EDS has its endpoints in
    `endpoints`, and names no source of them: the node writes both as one."""
    endpoints: tuple[Resource, ...]
    """`envoy.config.endpoint.v3.ClusterLoadAssignment`, one for each cluster of type EDS. Without endpoints: it has
    none."""
    routes: Resource
    """`envoy.config.route.v3.RouteConfiguration`, with the name `ROUTES_NAME`."""
    filters: Mapping[str, Resource] = field(default_factory=dict)
    """The message of an HTTP filter by the filter's name, which is one of `FILTERS`; one that is not named here does
    nothing."""
    runs: tuple[RouteRun, ...] = ()
    """Which of the routes, all in their order, belong together: Envoy may refuse some of them, and take the others.
    Without any, all belong together."""

    def __post_init__(self) -> None:
        if self.runs and sum(run.count for run in self.runs) != len(_routes(self.routes)):
            raise _invalid("its runs are not of as many routes as it has")

    def runs_with_routes(self) -> Iterator[tuple[RouteRun, Sequence[Resource]]]:
        """Each run with its routes."""
        routes, start = _routes(self.routes), 0
        for run in self.runs or (RouteRun(None, (), len(routes)),):
            yield run, routes[start : start + run.count]
            start += run.count

    @cached_property
    def text(self) -> str:
        """As JSON, always in the same order."""
        content = {name: getattr(self, name) for name in sorted(_FIELDS - {"runs"})}
        if self.runs:
            content["runs"] = [[run.part, list(run.rank), run.count] for run in self.runs]
        return json.dumps(content, sort_keys=True, separators=(",", ":"))

    @cached_property
    def digest(self) -> str:
        """Of its content."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @classmethod
    def read(cls, text: str) -> "Configuration":
        """The configuration that `text` writes.

        Raises:
            Invalid: code `configuration_invalid`: it is none, or has what this version does not know.
        """
        try:
            content = json.loads(text)
            unknown = content.keys() - _FIELDS
            if unknown:
                raise _invalid(f"the field {min(unknown)!r} is not known here: the node is older than it")
            return cls(
                clusters=tuple(content["clusters"]),
                endpoints=tuple(content["endpoints"]),
                routes=content["routes"],
                filters=content["filters"],
                runs=tuple(RouteRun(part, tuple(rank), int(count)) for part, rank, count in content.get("runs", ())),
            )
        except (ValueError, TypeError, AttributeError, KeyError) as exc:
            raise _invalid(f"{type(exc).__name__}: {exc}") from exc


def routed_clusters(routes: Resource) -> frozenset[str]:
    """The names of the clusters that a RouteConfiguration sends requests to."""
    return frozenset(
        _destinations(
            each.get("route", {}) for host in routes.get("virtual_hosts", []) for each in host.get("routes", [])
        )
    )


def used_clusters(routes: Iterable[Resource]) -> frozenset[str]:
    """The names of the clusters that some routes need, also for copies of requests."""
    found = set(_destinations(each.get("route", {}) for each in routes))
    for each in routes:
        found |= {policy["cluster"] for policy in each.get("route", {}).get("request_mirror_policies", ())}
    return frozenset(found)


def places(assignment: Resource) -> frozenset[Place]:
    """The servers of a cluster."""
    return frozenset(
        (place["address"], place["port_value"])
        for locality in assignment.get("endpoints", [])
        for endpoint in locality.get("lb_endpoints", [])
        for place in [endpoint["endpoint"]["address"]["socket_address"]]
    )


def _destinations(actions: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for action in actions:
        if "cluster" in action:
            yield action["cluster"]
        yield from (each["name"] for each in action.get("weighted_clusters", {}).get("clusters", ()))


def _routes(routes: Resource) -> Sequence[Resource]:
    """Those of the one virtual host."""
    hosts = routes.get("virtual_hosts", ())
    found: Sequence[Resource] = hosts[0].get("routes", ()) if hosts else ()
    return found


def _invalid(reason: str) -> Invalid:
    return Invalid(f"the configuration of the gateway cannot be read: {reason}", code="configuration_invalid")
