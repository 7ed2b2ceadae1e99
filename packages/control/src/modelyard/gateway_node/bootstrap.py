"""The bootstrap of a node's Envoy, and one with everything in it that a configuration can be tried with. Pure."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelyard.envoy.resources import LAYERED_RUNTIME, Resource, from_file, typed
from modelyard.gateway_node.comparer import COMPARER
from modelyard.gateway_node.configuration import Configuration
from modelyard.gateway_node.filters import FILTERS
from modelyard.gateway_node.folder import NodeFolder
from modelyard.gateway_node.listeners import listeners
from modelyard.gateway_node.node_metrics import ADMIN_CLUSTER
from modelyard.gateway_node.settings import GatewayNodeSettings

_SOCKET_MODE = 0o600
_MOST_COMPARED = 8
_ADMIN_PATHS = (
    *("/ready", "/stats", "/config_dump", "/clusters", "/listeners", "/server_info"),
    *("/drain_listeners", "/healthcheck/fail", "/reopen_logs"),
)


def bootstrap(folder: NodeFolder, settings: GatewayNodeSettings) -> dict[str, Any]:
    """What Envoy is started with. It changes with the node's settings only."""
    return {
        "node": {"id": settings.name, "cluster": "modelyard-gateway"},
        "layered_runtime": LAYERED_RUNTIME,
        "admin": {
            "address": {"pipe": {"path": str(folder.socket), "mode": _SOCKET_MODE}},
            "allow_paths": [{"prefix": path} for path in _ADMIN_PATHS],
        },
        "overload_manager": _connection_limit(settings.max_connections),
        "dynamic_resources": {"cds_config": from_file(folder.clusters)},
        "static_resources": {
            "listeners": list(listeners(folder, settings)),
            "clusters": [_socket_cluster(ADMIN_CLUSTER, folder.socket), comparer_cluster(folder.comparer)],
        },
    }


def _connection_limit(most: int) -> dict[str, Any]:
    limit = typed(
        "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
        max_active_downstream_connections=most,
    )
    return {
        "resource_monitors": [
            {"name": "envoy.resource_monitors.global_downstream_max_connections", "typed_config": limit}
        ]
    }


def proof(configuration: Configuration) -> dict[str, Any]:
    """A bootstrap that holds a whole configuration, so that Envoy checks what refers to what. It listens nowhere."""
    assigned = {each["cluster_name"]: each for each in configuration.endpoints}
    manager = typed(
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix="proof",
        http_filters=[
            *({"name": each.name, "typed_config": filter_message(configuration, each.name)} for each in FILTERS),
            {
                "name": "envoy.filters.http.router",
                "typed_config": typed("envoy.extensions.filters.http.router.v3.Router"),
            },
        ],
        route_config={"validate_clusters": True, **_untyped(configuration.routes)},
    )
    return {
        "layered_runtime": LAYERED_RUNTIME,
        "static_resources": {
            "clusters": [
                *(_untyped(with_endpoints(cluster, assigned)) for cluster in configuration.clusters),
                comparer_cluster(Path("/nowhere")),
            ],
            "listeners": [
                {
                    "name": "proof",
                    "address": {"pipe": {"path": "@modelyard-gateway-proof"}},
                    "filter_chains": [
                        {
                            "filters": [
                                {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}
                            ]
                        }
                    ],
                }
            ],
        },
    }


def filter_message(configuration: Configuration, name: str) -> dict[str, Any]:
    """The settings of one of `FILTERS`."""
    idle = next(each for each in FILTERS if each.name == name)
    return dict(configuration.filters.get(name) or typed(idle.message, **idle.idle))


def with_endpoints(cluster: Resource, assigned: Mapping[str, Resource]) -> Resource:
    """The cluster with its endpoints in it, where it does not have them already.

    A subscription for each cluster's endpoints would cost an instance of inotify each, of which a user has 128 by
    default, and Envoy aborts when there is none left.
    """
    if cluster.get("type") != "EDS":
        return cluster
    endpoints = assigned.get(cluster["name"], {"cluster_name": cluster["name"]})
    return {**cluster, "type": "STATIC", "load_assignment": _untyped(endpoints)}


def _untyped(message: Mapping[str, Any]) -> dict[str, Any]:
    """The same where the type is known by its place."""
    return {name: value for name, value in message.items() if name != "@type"}


def comparer_cluster(path: Path) -> dict[str, Any]:
    """For copies of requests whose answers are compared: few at once, and the others are dropped."""
    thresholds = dict.fromkeys(("max_connections", "max_requests"), _MOST_COMPARED) | {"max_pending_requests": 1}
    return {**_socket_cluster(COMPARER, path), "circuit_breakers": {"thresholds": [thresholds]}}


def _socket_cluster(name: str, path: Path) -> dict[str, Any]:
    endpoint = {"endpoint": {"address": {"pipe": {"path": str(path)}}}}
    return {
        "name": name,
        "type": "STATIC",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
    }
