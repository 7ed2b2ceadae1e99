"""Replicas in threads of a test: what a balancer sends requests to."""

import http.server
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

import httpx


class Replica(http.server.ThreadingHTTPServer):
    """Answers with its port, after as many seconds as `/slow/SECONDS` says, or with as many bytes
    as `/large/BYTES` says; drops the connection at `/die`."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int] = ("127.0.0.1", 0)) -> None:
        self.is_ready = True
        self.keeps_alive = True
        self.requests = self.slow_requests = 0
        super().__init__(address, _Handler)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def end(self) -> None:
        """Listen no more."""
        self.shutdown()
        self.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Replica

    def do_GET(self) -> None:
        if self.path == "/v2/health/ready":
            return self._answer(200 if self.server.is_ready else 503)
        self.server.requests += 1
        if self.path == "/die":
            self.close_connection = True
            return None
        if self.path.startswith("/slow/"):
            self.server.slow_requests += 1
            time.sleep(float(self.path.rpartition("/")[2]))
        if self.path.startswith("/large/"):
            return self._answer(200, b"x" * int(self.path.rpartition("/")[2]))
        return self._answer(200)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def _answer(self, status: int, body: bytes | None = None) -> None:
        body = body or str(self.server.server_port).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if not self.server.keeps_alive:
            self.send_header("Connection", "close")
        self.end_headers()
        with suppress(ConnectionError):  # Whoever asked is gone.
            self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Nothing is logged for a request."""


@dataclass
class Load:
    """Callers of an address, until the block ends: how many got which answer."""

    url: str
    callers: int = 4
    answers: dict[str, int] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._pool = ThreadPoolExecutor(self.callers)
        self._calls = [self._pool.submit(self._call) for _ in range(self.callers)]
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for call in self._calls:
            call.result()
        self._pool.shutdown()

    @property
    def lost(self) -> dict[str, int]:
        """The answers that are no success."""
        return {answer: count for answer, count in self.answers.items() if answer != "200"}

    def _call(self) -> None:
        with httpx.Client(timeout=30) as client:
            while not self._stop.is_set():
                try:
                    got = client.post(self.url, content=b"{}")
                    answer = "200" if got.is_success else f"{got.status_code}: {got.text}"
                except httpx.HTTPError as exc:
                    answer = repr(exc)
                self.answers[answer] = self.answers.get(answer, 0) + 1
                time.sleep(0.002)
