"""Takes a configuration apart into what Envoy can take or refuse on its own, and puts one together again. Pure.

Parts are clusters with their endpoints, the routes of one API's path or one model, and issuers of tokens. The gateway's
own routes, and the tables of keys and limits, of which nothing can be refused alone, are in no part, and always of the
newest.
"""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from modelyard.gateway_node.configuration import Configuration, Resource, RouteRun, used_clusters
from modelyard.gateway_node.filters import TOKENS


class PartKind(StrEnum):
    """What a part is; in the order in which they are tried, as routes lead to clusters."""

    CLUSTER = "cluster"
    TOKENS = "tokens"
    """An issuer whose tokens are verified."""
    ROUTES = "routes"


@dataclass(frozen=True, slots=True, order=True)
class Part:
    """Names a part."""

    kind: PartKind
    name: str
    """Of routes as the control plane named them."""


_ORDER = list(PartKind)


def contents(configuration: Configuration) -> dict[Part, Any]:
    """What is in each part, in the order in which parts are tried."""
    assigned = {each["cluster_name"]: each for each in configuration.endpoints}
    found: dict[Part, Any] = {
        Part(PartKind.CLUSTER, each["name"]): (each, assigned.get(each["name"])) for each in configuration.clusters
    }
    tokens = configuration.filters.get(TOKENS.name, {})
    for name, provider in tokens.get("providers", {}).items():
        found[Part(PartKind.TOKENS, name)] = provider
    for run, routes in configuration.runs_with_routes():
        if run.part is not None:
            found.setdefault(Part(PartKind.ROUTES, run.part), []).append((run, routes))
    return found


def changed(wanted: Configuration, former: Configuration) -> list[Part]:
    """The parts of the wanted one that are other ones than in the former, in the order in which they are tried.

    Clusters that nobody's routes lead to belong to these. A configuration without runs has no parts.
    """
    present, own = contents(former), _of_nobody(wanted)
    found = [part for part, content in contents(wanted).items() if _plain(present.get(part)) != _plain(content)]
    return sorted((part for part in found if wanted.runs and part not in own), key=lambda part: _ORDER.index(part.kind))


def digests(configuration: Configuration, parts: Collection[Part]) -> dict[Part, str]:
    """What says whether a part has changed, of those of these parts that there are."""
    known = contents(configuration)
    return {
        part: hashlib.sha256(json.dumps(_plain(known[part]), sort_keys=True).encode()).hexdigest()
        for part in parts
        if part in known
    }


def composed(wanted: Configuration, former: Configuration, held: Collection[Part]) -> Configuration:
    """The wanted configuration, but for the parts that are held: these are as in the former one, or not there.

    Clusters that only the former routes of such parts lead to are kept, too.
    """
    if not held:
        return wanted
    kept, present = frozenset(held), contents(former)
    runs = [
        *(each for each in wanted.runs_with_routes() if not _is_held(each[0], kept)),
        *(each for each in former.runs_with_routes() if _is_held(each[0], kept)),
    ]
    runs.sort(key=lambda each: each[0].rank)
    routes = [route for _, some in runs for route in some]
    clusters: dict[str, tuple[Resource, Resource | None]] = {
        part.name: present[part] if part in kept else content
        for part, content in contents(wanted).items()
        if part.kind is PartKind.CLUSTER and (part not in kept or part in present)
    }
    for name in sorted(used_clusters(routes) - clusters.keys()):
        part = Part(PartKind.CLUSTER, name)
        if part in present:
            clusters[name] = present[part]
    hosts = wanted.routes["virtual_hosts"]
    return Configuration(
        clusters=tuple(cluster for cluster, _ in clusters.values()),
        endpoints=tuple(endpoints for _, endpoints in clusters.values() if endpoints is not None),
        routes={**wanted.routes, "virtual_hosts": [{**hosts[0], "routes": routes}, *hosts[1:]]},
        filters=_filters(wanted, present, kept),
        runs=tuple(run for run, _ in runs),
    )


def users_of(configuration: Configuration, cluster: str) -> frozenset[str]:
    """The names of the parts whose routes lead to a cluster."""
    return frozenset(
        run.part
        for run, routes in configuration.runs_with_routes()
        if run.part is not None and cluster in used_clusters(routes)
    )


def _of_nobody(configuration: Configuration) -> frozenset[Part]:
    own = [route for run, routes in configuration.runs_with_routes() if run.part is None for route in routes]
    return frozenset(Part(PartKind.CLUSTER, name) for name in used_clusters(own))


def _is_held(run: RouteRun, held: frozenset[Part]) -> bool:
    return run.part is not None and Part(PartKind.ROUTES, run.part) in held


def _filters(wanted: Configuration, present: Mapping[Part, Any], held: frozenset[Part]) -> Mapping[str, Resource]:
    tokens = wanted.filters.get(TOKENS.name)
    return wanted.filters if tokens is None else {**wanted.filters, TOKENS.name: _tokens(tokens, present, held)}


def _tokens(message: Resource, present: Mapping[Part, Any], held: frozenset[Part]) -> Resource:
    """Each issuer has a requirement of its own, which names it; one that is left out is required by nothing."""
    chosen = {}
    for name, provider in message.get("providers", {}).items():
        part = Part(PartKind.TOKENS, name)
        one = present.get(part) if part in held else provider
        if one is not None:
            chosen[name] = one
    bare = {name: value for name, value in message.items() if name not in {"providers", "rules"}}
    requirements = [
        each for each in _requirements(message) if each["requires_any"]["requirements"][0]["provider_name"] in chosen
    ]
    if not requirements:
        return bare
    requires = requirements[0] if len(requirements) == 1 else {"requires_all": {"requirements": requirements}}
    return {**bare, "providers": chosen, "rules": [{**message["rules"][0], "requires": requires}]}


def _requirements(message: Resource) -> Iterator[Mapping[str, Any]]:
    for rule in message.get("rules", ()):
        several = rule["requires"].get("requires_all")
        yield from [rule["requires"]] if several is None else several["requirements"]


def _plain(content: Any) -> Any:
    """The same as JSON has it."""
    if isinstance(content, list) and content and isinstance(content[0], tuple):
        return [[list(run.rank), list(routes)] for run, routes in content]
    return content
