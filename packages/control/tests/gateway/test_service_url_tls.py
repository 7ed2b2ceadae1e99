"""Servers behind `https` service URLs prove themselves to a real Envoy: by name, or by address."""

import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from gateway_nodes import RunningNode, route
from ports import find_free_port
from tls_pairs import write_pair

from modelyard.envoy.resources import typed
from modelyard.gateway.envoy import assignments, clusters
from modelyard.gateway.envoy.clusters import cluster_name
from modelyard.gateway.table import Backend, Endpoint, RouteTable
from modelyard.gateway_node import ROUTES_NAME, Configuration


class _Answering(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(params=["localhost", "127.0.0.1", "::1"])
def proved(request: pytest.FixtureRequest) -> str:
    """What the server's certificate is of."""
    return str(request.param)


@pytest.fixture
def server(tmp_path: Path, proved: str) -> Iterator[ThreadingHTTPServer]:
    class Server(ThreadingHTTPServer):
        address_family = 10 if proved == "::1" else 2

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*write_pair(tmp_path, 1, address=None if proved == "localhost" else proved))
    server = Server(("::1" if proved == "::1" else "127.0.0.1", 0), _Answering)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_server_is_called_that_proves_to_be_the_host_of_its_url_and_no_other(
    server: ThreadingHTTPServer, proved: str, tmp_path: Path
) -> None:
    address, port = str(server.server_address[0]), server.server_port
    written = f"[{proved}]" if ":" in proved else proved
    hosts = {"right": f"{written}:{port}", "name": f"elsewhere.test:{port}", "address": f"127.0.0.9:{port}"}
    table = RouteTable(
        routes=(),
        backends={
            name: Backend(name, (Endpoint(address, port, None),), host=host, uses_tls=True, probes_readiness=False)
            for name, host in hosts.items()
        },
    )
    configuration = Configuration(
        clusters=tuple(clusters(table, authorities=str(tmp_path / "tls.crt"))),
        endpoints=tuple(assignments(table)),
        routes=typed(
            "envoy.config.route.v3.RouteConfiguration",
            name=ROUTES_NAME,
            virtual_hosts=[
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [route(f"/{name}", {cluster_name(name, is_grpc=False): 1}) for name in hosts],
                }
            ],
        ),
        filters={},
    )
    with RunningNode(tmp_path / "gateway", find_free_port()) as node:
        node.publish(configuration)
        answered = {name: httpx.get(f"{node.url}/{name}", timeout=20).status_code for name in hosts}
    assert answered == {"right": 200, "name": 503, "address": 503}
