"""Envoy's listeners for a gateway: HTTP/1.1, HTTP/2 and gRPC on one port, the same over TLS, and metrics. Pure.

They are static, so no push changes them. What they refer to (routes, filters, the certificate) comes from files.
"""

import socket
from collections.abc import Iterator, Mapping
from typing import Any

from modelyard.envoy.resources import from_file, typed
from modelyard.gateway_node.access_log import access_log
from modelyard.gateway_node.configuration import ROUTES_NAME
from modelyard.gateway_node.filters import FILTERS, SPOOFABLE_HEADERS, HttpFilter
from modelyard.gateway_node.folder import NodeFolder
from modelyard.gateway_node.local_replies import LOCAL_REPLIES
from modelyard.gateway_node.misdirected import misdirected_filter
from modelyard.gateway_node.node_metrics import METRICS
from modelyard.gateway_node.settings import GatewayNodeSettings

STAT_PREFIX = "gateway"
"""Of the listeners that callers use."""
CERTIFICATE = "gateway"
"""The name of the secret with the certificate."""
READY_PATH = "/-/ready"
"""Answers 200 while the gateway takes requests, and 503 while it stops."""
_NEVER = "0s"
_MANAGER = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_MOST_HEADER_KIB = 64
_MOST_HEADERS = 100
_IDLE = "600s"
"""After which a connection without a request is closed: longer than load balancers keep theirs."""


def listeners(folder: NodeFolder, settings: GatewayNodeSettings) -> Iterator[dict[str, Any]]:
    """All listeners of a node."""
    unread = _given_up_when_unread(settings.body_seconds)
    yield _listener("http", settings.host, settings.port, _public(folder, settings, is_tls=False)) | unread
    if settings.has_tls:
        manager = _public(folder, settings, is_tls=True)
        yield _listener("https", settings.host, settings.tls_port, manager, transport=_tls(folder)) | unread
    if settings.metrics_port is not None:
        # Metrics are read also when callers have all connections.
        metrics = _listener(METRICS, settings.host, settings.metrics_port, _metrics(folder))
        yield metrics | {"ignore_global_conn_limit": True}


def _listener(
    name: str, host: str, port: int, manager: Mapping[str, Any], transport: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    chain: dict[str, Any] = {"filters": [_filter("envoy.filters.network.http_connection_manager", manager)]}
    if transport is not None:
        chain["transport_socket"] = transport
    return {
        "name": name,
        "address": {"socket_address": {"address": host, "port_value": port}},
        "enable_reuse_port": False,  # So that no other program can listen there too.
        "tcp_backlog_size": 4096,
        "filter_chains": [chain],
    }


def _given_up_when_unread(seconds: int) -> dict[str, Any]:
    """Connections that take nothing of an answer for so long are ended by the system: Envoy's own limit
    (`stream_flush_timeout`) holds only for HTTP/2, and once it has the whole answer."""
    if not hasattr(socket, "TCP_USER_TIMEOUT"):  # It is Linux's.
        return {}
    option = {
        "level": socket.IPPROTO_TCP,
        "name": socket.TCP_USER_TIMEOUT,
        "int_value": seconds * 1000,
        "state": "STATE_LISTENING",  # Connections have it from their listener.
    }
    return {"socket_options": [option]}


def _public(folder: NodeFolder, settings: GatewayNodeSettings, *, is_tls: bool) -> dict[str, Any]:
    return typed(
        _MANAGER,
        stat_prefix=STAT_PREFIX,
        codec_type="AUTO",
        http_protocol_options={"accept_http_10": True},
        server_header_transformation="PASS_THROUGH",
        # Who calls, and by which scheme: what a caller says of itself does not count.
        use_remote_address=True,
        xff_num_trusted_hops=settings.trusted_hops,
        internal_address_config={"cidr_ranges": []},
        scheme_header_transformation={"scheme_to_overwrite": "https" if is_tls else "http"},
        early_header_mutation_extensions=[_filter("envoy.http.early_header_mutation.header_mutation", _STRIPPED)],
        # One spelling of a path, so that a rule cannot be walked around.
        normalize_path=True,
        merge_slashes=True,
        path_with_escaped_slashes_action="REJECT_REQUEST",
        max_request_headers_kb=_MOST_HEADER_KIB,
        common_http_protocol_options={
            "max_headers_count": _MOST_HEADERS,
            "headers_with_underscores_action": "ALLOW",
            "idle_timeout": _IDLE,
        },
        generate_request_id=True,
        preserve_external_request_id=True,
        always_set_request_id_in_response=True,
        # Who sends or reads slowly does not keep a connection; a prediction takes as long as it takes.
        request_headers_timeout=f"{settings.headers_seconds}s",
        request_timeout=f"{settings.body_seconds}s",
        stream_flush_timeout=f"{settings.body_seconds}s",
        stream_idle_timeout=_NEVER,
        local_reply_config=LOCAL_REPLIES,
        access_log=[access_log(folder.access_log)],
        rds={"route_config_name": ROUTES_NAME, "config_source": from_file(folder.routes)},
        http_filters=[
            _filter("envoy.filters.http.health_check", _READINESS),
            *(_discovered(folder, each) for each in FILTERS),
            misdirected_filter(),
            _filter("envoy.filters.http.router", typed("envoy.extensions.filters.http.router.v3.Router")),
        ],
    )


def _metrics(folder: NodeFolder) -> dict[str, Any]:
    return typed(
        _MANAGER,
        stat_prefix=METRICS,
        codec_type="AUTO",
        http_filters=[_filter("envoy.filters.http.router", typed("envoy.extensions.filters.http.router.v3.Router"))],
        rds={"route_config_name": METRICS, "config_source": from_file(folder.metrics)},
    )


def _tls(folder: NodeFolder) -> dict[str, Any]:
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": typed(
            "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
            common_tls_context={
                "alpn_protocols": ["h2", "http/1.1"],
                "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
                "tls_certificate_sds_secret_configs": [
                    {"name": CERTIFICATE, "sds_config": from_file(folder.certificate)}
                ],
            },
        ),
    }


def _discovered(folder: NodeFolder, each: HttpFilter) -> dict[str, Any]:
    return {
        "name": each.name,
        "config_discovery": {
            "type_urls": [f"type.googleapis.com/{each.message}"],
            "config_source": from_file(folder.filter(each.name)),
        },
    }


def _filter(name: str, configuration: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name, "typed_config": configuration}


_STRIPPED = typed(
    "envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
    mutations=[
        {
            "remove_on_match": {
                "key_matcher": {"safe_regex": {"regex": "|".join(SPOOFABLE_HEADERS).replace("-", "[-_]")}},
            }
        }
    ],
)
_READINESS = typed(
    "envoy.extensions.filters.http.health_check.v3.HealthCheck",
    pass_through_mode=False,
    headers=[{"name": ":path", "string_match": {"exact": READY_PATH}}],
)
