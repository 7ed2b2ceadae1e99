"""An Envoy that sends all requests to one server: what of the gateway's time is Envoy's own."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

from modelyard.envoy.binary import envoy_binary
from modelyard.envoy.resources import typed


def plain_envoy(folder: Path, port: int, server: int) -> Sequence[str]:
    """The command of an Envoy that sends all requests to one server, without a log and without filters."""
    manager = typed(
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix="plain",
        http_filters=[
            {
                "name": "envoy.filters.http.router",
                "typed_config": typed("envoy.extensions.filters.http.router.v3.Router"),
            }
        ],
        route_config={
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "server"}}],
                }
            ]
        },
    )
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
    endpoint = {"endpoint": {"address": _address(server)}}
    bootstrap = {
        "static_resources": {
            "listeners": [{"name": "plain", "address": _address(port), "filter_chains": [chain]}],
            "clusters": [
                {
                    "name": "server",
                    "type": "STATIC",
                    "load_assignment": {"cluster_name": "server", "endpoints": [{"lb_endpoints": [endpoint]}]},
                }
            ],
        }
    }
    path = folder / "plain.json"
    path.write_text(json.dumps(bootstrap), encoding="utf-8")
    threads = str(min(4, os.cpu_count() or 1))
    return [str(envoy_binary()), "--config-path", str(path), "--concurrency", threads, "--disable-hot-restart"]


def _address(port: int) -> dict[str, object]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
