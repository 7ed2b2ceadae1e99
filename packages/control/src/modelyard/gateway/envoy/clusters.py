"""The clusters of backends, one for HTTP/1.1 and one for gRPC, and their endpoints."""

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from modelyard.envoy.resources import typed
from modelyard.gateway.table import Backend, Endpoint, Forward, RouteTable

AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
"""Where Debian, its relatives and our images keep the authorities that they trust."""
_MOST = 65_535  # The model servers limit what they take; the gateway is not to be the limit before them.
_MOST_COPIES = 64
_COPY_SECONDS = 300
"""After which a copy is given up: one version that hangs would have all places of copies for good otherwise."""
_SHADOW = "-shadow"
_NEVER = "0s"
_HEALTH_CHECK = {
    "timeout": "3s",
    "interval": "1s",
    "no_traffic_interval": "1s",
    "unhealthy_interval": "0.5s",
    "no_traffic_healthy_interval": "1s",
    "unhealthy_threshold": 2,  # Of no answer; what answers that it is not ready gets nothing at once.
    "healthy_threshold": 1,
    "http_health_check": {"host": "localhost", "path": "/v2/health/ready", "codec_client_type": "HTTP1"},
}


def cluster_name(backend: str, *, is_grpc: bool) -> str:
    """Of one backend and protocol."""
    return f"{backend}.{'grpc' if is_grpc else 'http'}"


def shadow_name(backend: str) -> str:
    """Of what gets copies of requests: it may take few at once, and never keeps a caller's request from its server."""
    return f"{backend}{_SHADOW}"


def clusters(table: RouteTable, *, authorities: str = AUTHORITIES) -> list[dict[str, Any]]:
    """Of all backends. Those of type EDS name no source of their endpoints: a node knows where it reads them.

    Args:
        authorities: a file of the nodes' machines, with the authorities that servers with TLS prove themselves by.
    """
    return [_cluster(backend, authorities, is_grpc=is_grpc) for backend, is_grpc in _protocols(table)]


def assignments(table: RouteTable) -> list[dict[str, Any]]:
    """The endpoints of each cluster of type EDS."""
    return [_assignment(backend, is_grpc=is_grpc) for backend, is_grpc in _protocols(table) if not _is_by_name(backend)]


def _protocols(table: RouteTable) -> Iterator[tuple[Backend, bool]]:
    mirrors = [each for route in table.routes if isinstance(route.action, Forward) for each in route.action.mirrors]
    shadows = [table.backends[name] for name in sorted({each.backend for each in mirrors})]
    for backend in (*table.backends.values(), *(replace(each, name=shadow_name(each.name)) for each in shadows)):
        yield backend, False
        if any(endpoint.grpc_port is not None for endpoint in backend.endpoints):
            yield backend, True


def _cluster(backend: Backend, authorities: str, *, is_grpc: bool) -> dict[str, Any]:
    name = cluster_name(backend.name, is_grpc=is_grpc)
    is_shadow = backend.name.endswith(_SHADOW)
    # A model server closes after 120 s; who closes first loses no request.
    options = {"idle_timeout": "60s", **({"max_stream_duration": f"{_COPY_SECONDS}s"} if is_shadow else {})}
    cluster = typed(
        "envoy.config.cluster.v3.Cluster",
        name=name,
        connect_timeout="2s",
        lb_policy="LEAST_REQUEST",
        # No endpoint that is not ready gets a request, also when none is; and changes of health hold at once.
        common_lb_config={"healthy_panic_threshold": {"value": 0}, "update_merge_window": _NEVER},
        circuit_breakers={
            "thresholds": [
                dict.fromkeys(
                    ("max_connections", "max_pending_requests", "max_requests", "max_retries"),
                    _MOST_COPIES if is_shadow else _MOST,
                )
            ]
        },
        typed_extension_protocol_options={
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": typed(
                "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                common_http_protocol_options=options,
                explicit_http_config={"http2_protocol_options" if is_grpc else "http_protocol_options": {}},
            )
        },
    )
    if backend.probes_readiness:
        cluster |= {"health_checks": [_HEALTH_CHECK], "ignore_health_on_host_removal": True}
    if backend.uses_tls:
        cluster["transport_socket"] = _tls(str(urlsplit(f"//{backend.host}").hostname), authorities)
    if _is_by_name(backend):
        return cluster | {
            "type": "STRICT_DNS",
            "load_assignment": {"cluster_name": name, "endpoints": _localities(backend, is_grpc=is_grpc)},
        }
    return cluster | {"type": "EDS"}


def _assignment(backend: Backend, *, is_grpc: bool) -> dict[str, Any]:
    return typed(
        "envoy.config.endpoint.v3.ClusterLoadAssignment",
        cluster_name=cluster_name(backend.name, is_grpc=is_grpc),
        endpoints=_localities(backend, is_grpc=is_grpc),
    )


def _localities(backend: Backend, *, is_grpc: bool) -> list[dict[str, Any]]:
    found = [(each, each.grpc_port if is_grpc else each.port) for each in backend.endpoints]
    return [{"lb_endpoints": [_endpoint(each, port) for each, port in found if port is not None]}]


def _endpoint(endpoint: Endpoint, port: int) -> dict[str, Any]:
    return {
        "endpoint": {
            "address": {"socket_address": {"address": endpoint.host, "port_value": port}},
            "health_check_config": {"port_value": endpoint.port},
        },
    }


def _tls(host: str, authorities: str) -> dict[str, Any]:
    """The server proves that it is this host: by its name, or by its address, which no SNI may hold (RFC 6066)."""
    name = {} if _is_address(host) else {"sni": host}
    proved = {
        "san_type": "DNS" if name else "IP_ADDRESS",
        "matcher": {"exact": host if name else str(ip_address(host))},
    }
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": typed(
            "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
            **name,
            common_tls_context={
                "validation_context": {
                    "trusted_ca": {"filename": authorities},
                    "match_typed_subject_alt_names": [proved],
                }
            },
        ),
    }


def _is_by_name(backend: Backend) -> bool:
    return not all(_is_address(each.host) for each in backend.endpoints)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
