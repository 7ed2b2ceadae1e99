"""A real Envoy that routes by whichever table it is given, and servers behind it that say what they were asked."""

import json
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from ports import find_free_port

from modelyard.envoy.binary import envoy_binary
from modelyard.envoy.resources import LAYERED_RUNTIME, from_file, typed, write_resources
from modelyard.gateway.envoy import route_configuration
from modelyard.gateway.evaluate import Request
from modelyard.gateway.table import Match, Respond, Route, RouteTable

_SECONDS = 10.0
_READY = "/-/table"


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: str

    @property
    def seen(self) -> Mapping[str, Any]:
        """What the server behind Envoy says it was asked."""
        return dict(json.loads(self.body))


class RoutingEnvoy:
    """One Envoy, whose routes change with each table."""

    def __init__(self, folder: Path, port: int) -> None:
        self.port = port
        self._routes = folder / "routes.json"
        self._number = 0

    def use(self, table: RouteTable, *, https_port: int | None = None) -> None:
        """Route by this table from now on."""
        self._number += 1
        mark = Route(
            name="mark",
            tenant_id="default",
            match=Match(path=f"{_READY}-{self._number}"),
            action=Respond(200, "marked", "here"),
        )
        marked = RouteTable(routes=(mark, *table.routes), backends=table.backends)
        write_resources(self._routes, [route_configuration(marked, https_port=https_port)])
        deadline = time.monotonic() + _SECONDS
        while self.ask(Request(path=f"{_READY}-{self._number}")).status != 200:
            if time.monotonic() > deadline:
                raise AssertionError("Envoy did not take the routes")
            time.sleep(0.005)

    def ask(self, request: Request) -> Reply:
        """Send a request without any change to its path."""
        target = request.path + (f"?{request.query}" if request.query else "")
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=_SECONDS)) as connection:
            connection.putrequest(request.method, target, skip_host=True, skip_accept_encoding=True)
            connection.putheader("Host", request.authority)
            for name, values in request.headers.items():
                for value in values:
                    connection.putheader(name, value)
            if request.is_tls:
                connection.putheader("X-Forwarded-Proto", "https")
            connection.endheaders()
            answer = connection.getresponse()
            body = answer.read().decode()
            return Reply(answer.status, {name.lower(): value for name, value in answer.getheaders()}, body)


@contextmanager
def routing_envoy(folder: Path, backends: Sequence[str]) -> Iterator[RoutingEnvoy]:
    """An Envoy with clusters for HTTP and gRPC of these backends; each says its name and the path that it got.

    One proxy before it is trusted, so that a header says whether the caller came over TLS.
    """
    port = find_free_port()
    with _servers(backends) as ports:
        routes = folder / "routes.json"
        write_resources(routes, [route_configuration(RouteTable((), {}), https_port=None)])
        bootstrap = folder / "bootstrap.json"
        bootstrap.write_text(json.dumps(_bootstrap(port, routes, ports)))
        command = [str(envoy_binary()), "-c", str(bootstrap), "--disable-hot-restart", "--concurrency", "1"]
        with (
            (folder / "envoy.log").open("w") as log,
            subprocess.Popen(
                [*command, "--reject-unknown-dynamic-fields", "--log-level", "warning"], stdout=log, stderr=log
            ) as process,
        ):
            try:
                envoy = RoutingEnvoy(folder, port)
                _wait(envoy, process, folder / "envoy.log")
                yield envoy
            finally:
                process.terminate()


def _wait(envoy: RoutingEnvoy, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + _SECONDS
    while True:
        try:
            envoy.ask(Request(path="/"))
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"Envoy does not answer: {log.read_text()}") from None
            time.sleep(0.02)
        else:
            return


def _bootstrap(port: int, routes: Path, ports: Mapping[str, int]) -> dict[str, Any]:
    manager = typed(
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix="gateway",
        use_remote_address=True,
        xff_num_trusted_hops=1,
        normalize_path=True,
        merge_slashes=True,
        path_with_escaped_slashes_action="REJECT_REQUEST",
        rds={"route_config_name": "gateway", "config_source": from_file(routes)},
        http_filters=[
            {
                "name": "envoy.filters.http.router",
                "typed_config": typed("envoy.extensions.filters.http.router.v3.Router"),
            }
        ],
    )
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    return {
        "node": {"id": "test", "cluster": "test"},
        "layered_runtime": LAYERED_RUNTIME,
        "static_resources": {
            "listeners": [{"name": "gateway", "address": address, "filter_chains": [chain]}],
            "clusters": [_cluster(name, each) for name, each in ports.items()],
        },
    }


def _cluster(name: str, port: int) -> dict[str, Any]:
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": address}}]}]
    return {
        "name": name,
        "type": "STATIC",
        "load_assignment": {"cluster_name": name, "endpoints": endpoints},
    }


@contextmanager
def _servers(backends: Sequence[str]) -> Iterator[Mapping[str, int]]:
    """A server for each cluster; what Envoy sends as gRPC arrives at another one than what it sends as HTTP."""
    names = [f"{backend}.{protocol}" for backend in backends for protocol in ("http", "grpc")]
    servers = {name: ThreadingHTTPServer(("127.0.0.1", 0), _handler(name)) for name in names}
    for server in servers.values():
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield {name: int(server.server_address[1]) for name, server in servers.items()}
    finally:
        for server in servers.values():
            server.shutdown()
            server.server_close()


def _handler(name: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _say(self) -> None:
            said = {
                "cluster": name,
                "path": self.path,
                "headers": {key.lower(): self.headers[key] for key in self.headers},
            }
            body = json.dumps(said).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = _say  # noqa: N815 - the base class's

        def log_message(self, *_: object) -> None:
            pass

    return Handler
