"""The fake server as real sockets: HTTP on threads of the standard library, gRPC by grpcio, both on free ports."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from fake_grpc import LIMIT, FakeGrpc
from fake_model import Refused
from fake_rest import FakeRest, Reply, Request, encoded

import grpc

DEPTH = 100_000
NO_ANSWER = "closes the connection at"


@dataclass(frozen=True)
class Addresses:
    """Where a fake server listens."""

    url: str
    grpc: str


@contextmanager
def serving(*defects: str, with_grpc: bool = True) -> Iterator[Addresses]:
    """A running fake server with some defects."""
    fields = {"rest": FakeRest(frozenset(defects)), "lock": threading.Lock()}
    http = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), fields))
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        with _grpc_server(frozenset(defects)) if with_grpc else nullcontext(0) as port:
            yield Addresses(f"http://127.0.0.1:{http.server_port}", f"127.0.0.1:{port}")
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Callers that go away are part of the suite."""


@contextmanager
def _grpc_server(defects: frozenset[str]) -> Iterator[int]:
    options = [("grpc.max_receive_message_length", LIMIT), ("grpc.max_send_message_length", LIMIT)]
    server = grpc.server(ThreadPoolExecutor(4), options=options, handlers=[FakeGrpc(defects)])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(None).wait()


class _Handler(BaseHTTPRequestHandler):
    rest: FakeRest
    lock: threading.Lock
    protocol_version = "HTTP/1.1"
    timeout = 20

    def do_GET(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def do_DELETE(self) -> None:
        self._handle()

    def handle_expect_100(self) -> bool:
        if "refuses expectations" in self.rest.defects:
            self.send_error(417)
            return False
        return super().handle_expect_100()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the standard library's name.
        pass

    def _handle(self) -> None:
        try:
            body = self._body()
        except Refused as refusal:
            self._send(Reply({"error": refusal.message}, "unknown", 400), None)
            self.close_connection = True
            return
        if body is None:
            self.close_connection = True
            return
        path = self.path if "reads query strings" in self.rest.defects else urlsplit(self.path).path
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, path, headers, body)
        if self._breaks_off(request):
            self.close_connection = True
            return
        self._send(self.rest.answer(request), request)

    def _breaks_off(self, request: Request) -> bool:
        """Whether a defect makes the server go away instead of answering."""
        reasons: dict[str, Callable[[], bool]] = {
            "deep arrays": lambda: request.body.count(b"[[[[") > DEPTH // 8,
            "deep objects": lambda: request.body.count(b'{"a":') > DEPTH,
            "large bodies": lambda: len(request.body) > 4 << 20,
            "long names": lambda: len(request.path) > 2000,
            "huge shapes": lambda: any(str(2**power).encode() in request.body for power in (40, 60)),
            "headers in lower case": lambda: "content-type" in self.headers.keys(),  # noqa: SIM118 - as they came.
            "a second request": self._again,
            "a refusal": lambda: self.rest.answer(request).status >= 400,
        }
        return any(f"{NO_ANSWER} {reason}" in self.rest.defects and holds() for reason, holds in reasons.items())

    def _again(self) -> bool:
        self._requests = getattr(self, "_requests", 0) + 1
        return self._requests > 1

    def _body(self) -> bytes | None:
        if self.headers.get("Transfer-Encoding") == "chunked":
            if f"{NO_ANSWER} chunks" in self.rest.defects:
                return None
            chunks = b"".join(iter(self._chunk, b""))
            return chunks if "counts chunks" not in self.rest.defects or len(chunks) < 5000 else None
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit():
            if "waits for odd lengths" in self.rest.defects:
                length = "10000"
            else:
                raise Refused("odd lengths", f"Content-Length is {length[:40]!r}")
        if int(length) > LIMIT:
            if "waits for odd lengths" not in self.rest.defects:
                raise Refused("large bodies", f"the body may have {LIMIT} bytes")
            length = "10000"
        with self.lock if "serves one at a time" in self.rest.defects else nullcontext():
            return self.rfile.read(int(length))

    def _chunk(self) -> bytes:
        size = int(self.rfile.readline(), 16)
        data = self.rfile.read(size)
        self.rfile.readline()
        return data

    def _send(self, reply: Reply, request: Request | None) -> None:
        asked = request or Request("", "", {}, b"")
        status, headers, body = encoded(reply, asked, self.rest.defects)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
