"""What a node counts of each deployment's requests, with a real Envoy."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from balanced_replicas import Replica
from gateway_nodes import RunningNode, configuration, route
from ports import find_free_port

import grpc
from modelyard.gateway_node.counters import BackendCounters, counters_of


@pytest.fixture
def node(tmp_path: Path) -> Iterator[RunningNode]:
    with RunningNode(tmp_path / "gateway", find_free_port()) as node:
        yield node


class TestANode:
    """Of two deployments, one of which nobody listens for."""

    def test_it_reports_answers_and_requests_that_got_none(self, node: RunningNode) -> None:
        replica = Replica()
        backends = {"dep-1.http": [replica.server_port], "dep-2.http": [find_free_port()]}
        node.publish(configuration(backends, [route("/lost", {"dep-2.http": 1}), route("/", {"dep-1.http": 1})]))
        for path in ("/", "/", "/lost"):
            httpx.get(node.url + path, timeout=20)
        deadline = time.monotonic() + 20
        while len(node.control_plane.counted) < 2 and time.monotonic() < deadline:
            time.sleep(0.1)
        replica.end()
        found = {each.backend: (each.requests, each.errors) for each in node.control_plane.counted}
        assert found == {"dep-1": (2, 0), "dep-2": (1, 1)}

    def test_a_grpc_call_that_fails_is_an_error_though_its_http_status_is_200(self, node: RunningNode) -> None:
        with failing_calls() as port:
            backends = {"dep-3.grpc": [port], "dep-4.grpc": [find_free_port()]}
            routes = [route("/lost", {"dep-4.grpc": 1}, grpc=True), route("/", {"dep-3.grpc": 1}, grpc=True)]
            node.publish(configuration(backends, routes))
            with grpc.insecure_channel(node.url.removeprefix("http://")) as channel:
                codes = [
                    _code(channel, path, code)
                    for path in ("/a/B", "/lost/B")
                    for code in (grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INVALID_ARGUMENT)
                ]
            deadline = time.monotonic() + 20
            while len(node.control_plane.counted) < 2 and time.monotonic() < deadline:
                time.sleep(0.1)
        unavailable = grpc.StatusCode.UNAVAILABLE
        assert codes == [None, unavailable, grpc.StatusCode.INVALID_ARGUMENT, *[unavailable] * 3]
        found = {each.backend: (each.requests, each.errors) for each in node.control_plane.counted}
        assert found == {"dep-3": (3, 1), "dep-4": (3, 3)}


@contextmanager
def failing_calls() -> Iterator[int]:
    """A gRPC server on this port, each of whose methods ends as its message says."""

    def answer(message: bytes, context: grpc.ServicerContext) -> bytes:
        code = grpc.StatusCode[message.decode()]
        if code is not grpc.StatusCode.OK:
            context.abort(code, "as asked")
        return message

    class Anything(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc has no types.
        def service(self, _: Any) -> Any:
            return grpc.unary_unary_rpc_method_handler(answer)

    server = grpc.server(ThreadPoolExecutor(2), handlers=[Anything()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(None).wait()


def _code(channel: grpc.Channel, path: str, code: grpc.StatusCode) -> grpc.StatusCode | None:
    """How a call ends; None: well."""
    try:
        channel.unary_unary(path)(code.name.encode(), timeout=20)
    except grpc.RpcError as error:
        return error.code()
    return None


class TestCounters:
    """Of Envoy's own answer."""

    def test_both_protocols_of_a_deployment_are_added(self) -> None:
        stats: list[dict[str, Any]] = [
            {"name": "cluster.dep-1.http.upstream_rq_completed", "value": 5},
            {"name": "cluster.dep-1.grpc.upstream_rq_completed", "value": 2},
            {"name": "cluster.dep-1.grpc.upstream_rq_5xx", "value": 1},
            {"name": "cluster.dep-1.http.internal.upstream_rq_5xx", "value": 9},
            {"name": "cluster.dep-2.http.upstream_rq_completed", "value": 0},
            {
                "histograms": [
                    {
                        "name": "cluster.dep-1.http.upstream_rq_time",
                        "buckets": [
                            {"upper_bound": 10, "interval": 0, "cumulative": 3},
                            {"upper_bound": 50, "interval": 0, "cumulative": 4},
                            {"upper_bound": 3.6e6, "interval": 0, "cumulative": 5},
                        ],
                    }
                ]
            },
        ]
        expected = BackendCounters("dep-1", requests=7, errors=1, timed=5, slower=((10.0, 2), (50.0, 1)))
        assert counters_of(stats) == (expected,)
