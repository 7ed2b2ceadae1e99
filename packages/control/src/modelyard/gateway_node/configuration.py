"""What a node is to run: resources of Envoy, without a word about the node that runs them. Pure."""

import hashlib
import json
from collections.abc import Mapping
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
_FIELDS = frozenset({"clusters", "endpoints", "routes", "filters"})


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """Clusters, their endpoints, the routes to them, and the settings of the HTTP filters.

    Listeners are not part of it: a listener that changes drains its connections, so it is the node's, and stays.
    """

    clusters: tuple[Resource, ...]
    """`envoy.config.cluster.v3.Cluster`, each with another name. One of type EDS names no source of its endpoints: the
    node says where it reads them."""
    endpoints: tuple[Resource, ...]
    """`envoy.config.endpoint.v3.ClusterLoadAssignment`, one for each cluster of type EDS. Without endpoints: it has
    none."""
    routes: Resource
    """`envoy.config.route.v3.RouteConfiguration`, with the name `ROUTES_NAME`."""
    filters: Mapping[str, Resource] = field(default_factory=dict)
    """The message of an HTTP filter by the filter's name, which is one of `FILTERS`; one that is not named here does
    nothing."""

    @cached_property
    def text(self) -> str:
        """As JSON, always in the same order."""
        content = {name: getattr(self, name) for name in sorted(_FIELDS)}
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
            )
        except (ValueError, TypeError, AttributeError, KeyError) as exc:
            raise _invalid(f"{type(exc).__name__}: {exc}") from exc


def routed_clusters(routes: Resource) -> frozenset[str]:
    """The names of the clusters that a RouteConfiguration sends requests to."""
    actions = [each.get("route", {}) for host in routes.get("virtual_hosts", []) for each in host.get("routes", [])]
    weighted = [each["name"] for action in actions for each in action.get("weighted_clusters", {}).get("clusters", [])]
    return frozenset([*weighted, *(action["cluster"] for action in actions if "cluster" in action)])


def places(assignment: Resource) -> frozenset[Place]:
    """The servers of a cluster."""
    return frozenset(
        (place["address"], place["port_value"])
        for locality in assignment.get("endpoints", [])
        for endpoint in locality.get("lb_endpoints", [])
        for place in [endpoint["endpoint"]["address"]["socket_address"]]
    )


def _invalid(reason: str) -> Invalid:
    return Invalid(f"the configuration of the gateway cannot be read: {reason}", code="configuration_invalid")
