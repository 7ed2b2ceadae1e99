"""Azure's resource manager for tests, as far as it gives the kubeconfig of a cluster."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

SUBSCRIPTION = "6f1e5f0a-0000-4000-8000-000000000001"
PATH = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/ml/providers/Microsoft.ContainerService/managedClusters/models"
"""Of the one cluster that there is."""


@dataclass
class ResourceManager:
    """It answers as Azure does, at `url`."""

    url: str
    kubeconfig: str
    denies: bool = False
    requests: list[str] = field(default_factory=list)


@contextmanager
def resource_manager(kubeconfig: str) -> Iterator[ResourceManager]:
    """One that gives this kubeconfig, on a free port of loopback."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    manager = ResourceManager(f"http://127.0.0.1:{server.server_port}", kubeconfig)
    server.manager = manager  # type: ignore[attr-defined]  # Its handlers find it there.
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield manager
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        manager: ResourceManager = self.server.manager  # type: ignore[attr-defined]  # As above.
        manager.requests.append(self.path)
        address = urlsplit(self.path)
        query = parse_qs(address.query)
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if "api-version" not in query:
            self._refuse(
                400, "MissingApiVersionParameter", "The api-version query parameter (?api-version=) is required"
            )
        elif manager.denies:
            self._refuse(403, "AuthorizationFailed", "The client does not have authorization to perform action")
        elif address.path != f"{PATH}/listClusterUserCredential":
            name = address.path.split("/")[-2]
            self._refuse(404, "ResourceNotFound", f"The Resource '{name}' under resource group 'ml' was not found.")
        else:
            value = base64.b64encode(manager.kubeconfig.encode()).decode()
            self._answer(200, {"kubeconfigs": [{"name": "clusterUser", "value": value}]})

    def _refuse(self, status: int, code: str, message: str) -> None:
        self._answer(status, {"error": {"code": code, "message": message}})

    def _answer(self, status: int, content: Any) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Requests are kept in `requests`."""
