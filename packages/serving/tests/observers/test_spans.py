"""Spans over OTLP, from a real server to a collector that this test is."""

import gzip
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

StartServer = Callable[..., Any]
TRACE = "0af7651916cd43dd8448eb211c80319c"


class Collector(ThreadingHTTPServer):
    """Keeps the spans that are sent to it."""

    spans: list[Any]
    resources: list[dict[str, str]]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Receive(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:  # The name is the standard library's.
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            attributes = {pair.key: pair.value.string_value for pair in resource.resource.attributes}
            self.server.resources.append(attributes)
            self.server.spans += [span for scope in resource.scope_spans for span in scope.spans]
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # As above.
        """Says nothing."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    server = Collector(("127.0.0.1", 0), _Receive)
    server.spans, server.resources = [], []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


class TestSpans:
    def test_each_request_is_a_span_under_its_callers_trace(
        self, start_server: StartServer, collector: Collector
    ) -> None:
        server = start_server("Doubler", "--otlp-endpoint", collector.url)
        headers = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01", "x-request-id": "mine"}
        right, wrong = {"inputs": [[1, 2]]}, {"inputs": "?"}
        assert httpx.post(f"{server.url}/predict", json=right, headers=headers).status_code == 200
        assert httpx.post(f"{server.url}/predict", json=wrong, headers=headers).status_code == 400
        assert server.end() == 0
        answered, refused = collector.spans
        assert collector.resources[0]["service.name"] == "Doubler"
        for span in (answered, refused):
            assert span.trace_id.hex() == TRACE
            assert span.parent_span_id.hex() == "b7ad6b7169203331"
            assert span.name == "/predict"
            assert span.end_time_unix_nano > span.start_time_unix_nano
        trace_headers = {pair.key: pair.value.string_value for pair in answered.attributes}
        assert (trace_headers["modelyard.outcome"], trace_headers["modelyard.request_id"]) == ("ok", "mine")
        assert refused.status.message == "invalid"


class TestRequestLogOfAServer:
    def test_it_is_whole_when_the_server_has_ended(self, start_server: StartServer, tmp_path: Any) -> None:
        folder = tmp_path / "log"
        server = start_server("Doubler", "--request-log", str(folder), "--request-log-sample", "1")
        for number in range(3):
            assert httpx.post(f"{server.url}/predict", json={"inputs": [[number, 2]]}).status_code == 200
        assert server.end() == 0
        import pyarrow.parquet as pq  # noqa: PLC0415  # Only this test reads what the server wrote.

        rows = [row for path in folder.glob("*.parquet") for row in pq.read_table(path).to_pylist()]
        assert sorted(row["input.x"] for row in rows) == [[0.0, 2.0], [1.0, 2.0], [2.0, 2.0]]
