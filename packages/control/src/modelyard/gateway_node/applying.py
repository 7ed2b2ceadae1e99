"""Takes Envoy from one configuration to the next without a moment in which a request has nowhere to go.

Make before break: endpoints and clusters that come, then, when Envoy holds those to be healthy, filters, then routes,
then endpoints that go; clusters that no route leads to any more stay a little longer, for requests that are sent again.
What Envoy refuses is taken back.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import structlog

from modelyard.envoy.resources import Resource, typed
from modelyard.errors import ModelyardError
from modelyard.gateway_node.configuration import Configuration, Place, places, routed_clusters
from modelyard.gateway_node.confirmation import Confirmation
from modelyard.gateway_node.resource_files import ResourceFiles

logger = structlog.get_logger()

LINGER_SECONDS = 5.0
"""How long a cluster stays that no route leads to any more."""


class Applying:
    """Changes the resources of one node's Envoy. Not for several threads.

    Args:
        is_running: whether Envoy runs; else files are written, and nothing is waited for.
        now: seconds that only grow.
    """

    def __init__(
        self,
        files: ResourceFiles,
        confirmation: Confirmation,
        *,
        is_running: Callable[[], bool],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._files = files
        self._confirmation = confirmation
        self._is_running = is_running
        self._now = now
        self._leaving: dict[str, float] = {}
        """When clusters that no route leads to any more may go."""

    def change(self, wanted: Configuration, *, back: Configuration | None) -> None:
        """Have Envoy run a configuration that was proved.

        Args:
            back: what it runs now, and again when it refuses the wanted one.

        Raises:
            RefusedError: it runs `back`.
            Unavailable: code `envoy_unavailable`: it ended; its files are `back`'s.
        """
        try:
            self._change(wanted)
        except Exception:
            if back is not None:
                self._take_back(back)
            raise

    def write(self, configuration: Configuration) -> None:
        """Make these the resources that the next Envoy starts with. None runs now."""
        self._leaving.clear()
        self._files.write_clusters(configuration.clusters, _assignments(configuration))
        self._files.write_filters(configuration)
        self._files.write_routes(configuration.routes)

    def remove_left(self, current: Configuration) -> None:
        """Remove the clusters whose time has come."""
        due = {name for name, at in self._leaving.items() if at <= self._now()}
        if not due:
            return
        for name in due:
            del self._leaving[name]
        present = self._files.clusters()
        left = [present[name] for name in self._leaving if name in present]
        self._confirmed(lambda: self._files.write_clusters(current.clusters, _assignments(current), left))

    def _change(self, wanted: Configuration) -> None:
        names = _names(wanted.clusters)
        present = self._files.clusters()
        leaving = {name: cluster for name, cluster in present.items() if name not in names}
        assignments = _assignments(wanted)
        in_use = self._files.endpoints()
        coming = [_with_present(each, in_use.get(each["cluster_name"])) for each in assignments]
        awaited = self._coming_to_use(wanted, assignments)
        self._confirmed(lambda: self._files.write_clusters(wanted.clusters, coming, leaving.values()))
        if self._is_running():
            self._confirmation.wait_for_health(awaited)
        self._confirmed(lambda: self._files.write_filters(wanted))
        self._confirmed(lambda: self._files.write_routes(wanted.routes))
        self._confirmed(lambda: self._files.write_clusters(wanted.clusters, assignments, leaving.values()))
        until = self._now() + LINGER_SECONDS
        self._leaving = {name: self._leaving.get(name, until) for name in leaving}

    def _coming_to_use(self, wanted: Configuration, assignments: Iterable[Resource]) -> Mapping[str, frozenset[Place]]:
        """The servers of clusters that no route has led to, or that lose servers, where their health is checked."""
        probed = {each["name"] for each in wanted.clusters if each.get("health_checks")}
        new = routed_clusters(wanted.routes) - routed_clusters(self._files.routes())
        found, in_use = {}, self._files.endpoints()
        for each in assignments:
            name, servers = each["cluster_name"], places(each)
            present = in_use.get(name)
            loses = present is not None and bool(places(present) - servers)
            if servers and name in probed and (name in new or loses):
                found[name] = servers
        return found

    def _take_back(self, back: Configuration) -> None:
        try:
            self._change(back)
        except (ModelyardError, OSError) as exc:  # It runs it still: Envoy keeps what it has.
            logger.warning("Envoy does not confirm what it ran before", reason=str(exc))

    def _confirmed(self, write: Callable[[], dict[str, str]]) -> None:
        if not self._is_running():
            write()
            return
        refusals = self._confirmation.refusals()
        self._confirmation.wait(write(), refusals=refusals)


def _with_present(wanted: Resource, present: Resource | None) -> Resource:
    """An assignment with the endpoints that are in use now besides its own."""
    if present is None:
        return wanted
    localities: list[dict[str, Any]] = [dict(each) for each in wanted.get("endpoints", [])] or [{}]
    own = [endpoint for each in localities for endpoint in each.get("lb_endpoints", [])]
    known = [each["endpoint"] for each in own]
    left = [each for each in _endpoints(present) if each["endpoint"] not in known]
    localities[0] = {**localities[0], "lb_endpoints": [*localities[0].get("lb_endpoints", []), *left]}
    return {**wanted, "endpoints": localities} if left else wanted


def _names(clusters: Iterable[Resource]) -> frozenset[str]:
    return frozenset(each["name"] for each in clusters)


def _assignments(configuration: Configuration) -> list[Resource]:
    """One for each cluster that has its endpoints in the configuration."""
    given = {each["cluster_name"]: each for each in configuration.endpoints}
    named = [each["name"] for each in configuration.clusters if each.get("type") == "EDS"]
    empty = "envoy.config.endpoint.v3.ClusterLoadAssignment"
    return [given.get(name) or typed(empty, cluster_name=name) for name in named]


def _endpoints(assignment: Resource) -> list[Mapping[str, Any]]:
    return [endpoint for each in assignment.get("endpoints", []) for endpoint in each.get("lb_endpoints", [])]
