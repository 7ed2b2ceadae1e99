"""The resources of Envoy for an address: a listener, and a cluster each for HTTP/1.1 and for gRPC. Pure."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from modelyard.adapters.balancer.addresses import Address, Endpoint
from modelyard.envoy.resources import from_file, typed

STAT_PREFIX = "address"
"""Of all listeners."""

_MOST = 65_535  # The model servers limit what they take; the balancer is not to be the limit before them.
_NEVER = "0s"
_HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
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


def cluster_names(name: str) -> tuple[str, str]:
    """Of HTTP/1.1 and of gRPC."""
    return f"{name}.http", f"{name}.grpc"


def listener(name: str, address: Address) -> dict[str, Any]:
    """Takes HTTP/1.1 and HTTP/2 without TLS on one port."""
    http, grpc = cluster_names(name)
    manager = typed(
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix=STAT_PREFIX,
        codec_type="AUTO",
        http_protocol_options={"accept_http_10": True},
        server_header_transformation="PASS_THROUGH",
        use_remote_address=True,
        generate_request_id=False,
        stream_idle_timeout=_NEVER,  # A prediction takes as long as it takes.
        request_headers_timeout="30s",
        local_reply_config={"mappers": [_ERRORS]},
        http_filters=[_filter("envoy.filters.http.router", _ROUTER)],
        route_config={
            "name": name,
            # Envoy watches the files of clusters and of listeners apart, and may read the listeners first. It would
            # reject one whose clusters it does not have yet, and does not read the file again; now it answers 503.
            "validate_clusters": False,
            "virtual_hosts": [
                {
                    "name": name,
                    "domains": ["*"],
                    "routes": [
                        {"match": {"prefix": "/", "grpc": {}}, "route": _route(grpc)},
                        {"match": {"prefix": "/"}, "route": _route(http)},
                    ],
                }
            ],
        },
    )
    return typed(
        "envoy.config.listener.v3.Listener",
        name=name,
        address=_socket(address.host, address.port),
        enable_reuse_port=False,  # So that no other program can listen there too.
        filter_chains=[{"filters": [_filter("envoy.filters.network.http_connection_manager", manager)]}],
    )


def clusters(name: str, folder: Path) -> Iterator[dict[str, Any]]:
    """Of one address; `folder` has the files of their endpoints."""
    for cluster, protocol in zip(cluster_names(name), ("http_protocol_options", "http2_protocol_options"), strict=True):
        yield typed(
            "envoy.config.cluster.v3.Cluster",
            name=cluster,
            type="EDS",
            eds_cluster_config={"eds_config": from_file(endpoints_file(folder, cluster))},
            connect_timeout="2s",
            lb_policy="LEAST_REQUEST",
            # No endpoint that is not ready gets a request, also when none is; and one that leaves is gone at once.
            # What the admin interface says holds for requests: by default, changes of health reach them a second later.
            common_lb_config={"healthy_panic_threshold": {"value": 0}, "update_merge_window": _NEVER},
            ignore_health_on_host_removal=True,
            health_checks=[_HEALTH_CHECK],
            circuit_breakers={
                "thresholds": [dict.fromkeys(("max_connections", "max_pending_requests", "max_requests"), _MOST)]
            },
            typed_extension_protocol_options={
                "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": typed(
                    _HTTP_OPTIONS,
                    # A model server closes after 120 s; who closes first loses no request.
                    common_http_protocol_options={"idle_timeout": "60s"},
                    explicit_http_config={protocol: {}},
                )
            },
        )


def assignments(name: str, address: Address) -> Iterator[dict[str, Any]]:
    """The endpoints of both clusters."""
    http, grpc = cluster_names(name)
    yield _assignment(http, [_endpoint(one, one.port) for one in address.endpoints])
    with_grpc = [(one, one.grpc_port) for one in address.endpoints if one.grpc_port is not None]
    yield _assignment(grpc, [_endpoint(one, port) for one, port in with_grpc])


def endpoints_file(folder: Path, cluster: str) -> Path:
    """Where the endpoints of a cluster are."""
    return folder / f"{cluster}.json"


_HEALTH_CHECK = {
    "timeout": "3s",
    "interval": "1s",
    "no_traffic_interval": "1s",
    "unhealthy_interval": "0.5s",
    "no_traffic_healthy_interval": "1s",
    "unhealthy_threshold": 2,  # Of no answer; what answers that it is not ready gets nothing at once.
    "healthy_threshold": 1,
    "http_health_check": {"host": "localhost", "path": "/v2/health/ready"},
}
_IS_ERROR = {
    "status_code_filter": {"comparison": {"op": "GE", "value": {"default_value": 400, "runtime_key": "unused"}}}
}
_IS_NOT_GRPC = {
    "name": "content-type",
    "string_match": {"prefix": "application/grpc"},
    "invert_match": True,
    "treat_missing_header_as_empty": True,
}
_ERRORS = {
    "filter": {"and_filter": {"filters": [_IS_ERROR, {"header_filter": {"header": _IS_NOT_GRPC}}]}},
    "body_format_override": {"content_type": "application/json", "json_format": {"error": "%LOCAL_REPLY_BODY%"}},
}
_ROUTER = typed("envoy.extensions.filters.http.router.v3.Router", suppress_envoy_headers=True)


def _route(cluster: str) -> dict[str, Any]:
    return {"cluster": cluster, "timeout": _NEVER, "idle_timeout": _NEVER, "retry_policy": _RETRIES}


def _filter(name: str, configuration: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "typed_config": configuration}


def _assignment(cluster: str, endpoints: list[dict[str, Any]]) -> dict[str, Any]:
    return typed(
        "envoy.config.endpoint.v3.ClusterLoadAssignment",
        cluster_name=cluster,
        endpoints=[{"lb_endpoints": endpoints}],
    )


def _endpoint(endpoint: Endpoint, port: int) -> dict[str, Any]:
    return {
        "health_status": "DRAINING" if endpoint.is_draining else "HEALTHY",
        "endpoint": {
            "address": _socket(endpoint.host, port),
            "health_check_config": {"port_value": endpoint.port},
        },
    }


def _socket(host: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": host, "port_value": port}}
