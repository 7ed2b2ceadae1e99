"""What every stand-in for a part of Azure's resource manager has in common: token, API version, error bodies."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "token-of-tests"


class ResourceManagerHandler(BaseHTTPRequestHandler):
    """Refuses what Azure refuses before it looks at a resource, and gives all else to `act`."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._handle()

    def do_HEAD(self) -> None:
        self._handle()

    def do_PUT(self) -> None:
        self._handle()

    def do_PATCH(self) -> None:
        self._handle()

    def do_DELETE(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    @property
    def throttles(self) -> bool:
        """Whether every request is one too many."""
        return False

    def act(self, path: str, query: dict[str, list[str]], content: bytes) -> None:
        """Answer a request that may be made."""
        raise NotImplementedError

    def _handle(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        address = urlsplit(self.path)
        query = parse_qs(address.query)
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self.refuse(401, "AuthenticationFailed", "The access token is invalid.")
        elif self.throttles:
            self.refuse(429, "TooManyRequests", "The request is being throttled.", **{"Retry-After": "1"})
        elif "api-version" not in query:
            self.refuse(400, "MissingApiVersionParameter", "The api-version query parameter is required.")
        else:
            self.act(address.path, query, content)

    def refuse(self, status: int, code: str, message: str, **headers: str) -> None:
        """An error as Azure gives it."""
        self.answer(status, {"error": {"code": code, "message": message}}, **headers)

    def answer(self, status: int, content: Any, **headers: str) -> None:
        """A response of JSON, or without a body."""
        body = b"" if content is None else json.dumps(content).encode()
        self.send_response(status)
        for name, text in headers.items():
            self.send_header(name, text)
        if status == 401:
            self.send_header("WWW-Authenticate", 'Bearer authorization_uri="https://login.example"')
        self.send_header("Content-Type", "application/json")
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Nothing is logged for a request."""


@contextmanager
def resource_manager(handler: type[ResourceManagerHandler], service: Any) -> Iterator[str]:
    """A server on a free port of loopback, whose handlers find the service at `server.service`; its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.service = service  # type: ignore[attr-defined]  # Its handlers find it there.
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
