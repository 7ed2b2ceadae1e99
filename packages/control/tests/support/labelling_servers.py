"""Model servers that answer each prediction with one label of their own."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class ModelServer(ThreadingHTTPServer):
    """Answers each prediction with one label, after some time; it notes the copies that it gets."""

    daemon_threads = True

    def __init__(self, label: int, *, seconds: float = 0.0) -> None:
        self.label, self.seconds = label, seconds
        self.copies = 0
        super().__init__(("127.0.0.1", 0), _Predicting)


class _Predicting(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: ModelServer

    def do_GET(self) -> None:
        self._answer({})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.copies += self.headers.get("modelyard-shadow") == "1"
        time.sleep(self.server.seconds)
        self._answer({"predictions": [self.server.label]})

    def _answer(self, content: Any) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@contextmanager
def serving(*servers: ModelServer) -> Iterator[None]:
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    yield
    for server in servers:
        server.shutdown()
        server.server_close()
