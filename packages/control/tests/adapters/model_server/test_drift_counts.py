"""Counters of model servers over HTTP, read with suspicion."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from ports import find_free_port

from modelyard.adapters.model_server import HttpDriftCounts
from modelyard.ports.drift_counts import ServedCounts

RIGHT: dict[str, Any] = {"name": "churn", "version": "3", "instance": "a", "profile": "d", "counts": [[1, 2, 0, 0]]}


@contextmanager
def _answering(content: bytes, status: int = 200) -> Iterator[str]:
    """A server that answers so at `/drift`, at this address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/drift" else 404)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


class TestAServer:
    def test_its_counters_are_read(self) -> None:
        with _answering(json.dumps(RIGHT).encode()) as url:
            assert HttpDriftCounts().fetch(url) == ServedCounts("3", "a", "d", [[1, 2, 0, 0]])

    @pytest.mark.parametrize(
        "content",
        [
            {**RIGHT, "profile": None, "counts": None},
            {**RIGHT, "counts": [[1, -2]]},
            {**RIGHT, "counts": [[1.5]]},
            {**RIGHT, "counts": [[2**60]]},
            {**RIGHT, "counts": [[True]]},
            {**RIGHT, "counts": {"0": [1]}},
            {**RIGHT, "instance": "a" * 1000},
            {**RIGHT, "version": 3},
            [RIGHT],
        ],
    )
    def test_what_is_no_counters_is_nothing(self, content: Any) -> None:
        with _answering(json.dumps(content).encode()) as url:
            assert HttpDriftCounts().fetch(url) is None

    @pytest.mark.parametrize(
        ("content", "status"), [(b"{", 200), (b"[" * 100_000, 200), (b" " * 5_000_000, 200), (b"{}", 503)]
    )
    def test_what_is_no_json_or_no_success_is_nothing(self, content: bytes, status: int) -> None:
        with _answering(content, status) as url:
            assert HttpDriftCounts().fetch(url) is None

    def test_where_nobody_listens_is_nothing(self) -> None:
        assert HttpDriftCounts().fetch(f"http://127.0.0.1:{find_free_port()}") is None
