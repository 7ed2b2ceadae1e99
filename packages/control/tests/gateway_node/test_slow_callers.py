"""Callers that send slowly, or open many connections, against a real Envoy: they take no place for good."""

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from balanced_replicas import Replica
from gateway_nodes import HOST, RunningNode, configuration, route
from h2.config import H2Configuration
from h2.connection import H2Connection
from ports import find_free_port


@pytest.fixture
def node(tmp_path: Path) -> Iterator[RunningNode]:
    replica = Replica()
    place = tmp_path / "gateway"
    with RunningNode(place, find_free_port(), max_connections=3, headers_seconds=1, body_seconds=2) as node:
        node.publish(configuration({"a": [replica.server_port]}, [route("/", {"a": 1})]))
        yield node
    replica.end()


def slow(node: RunningNode, beginning: bytes) -> socket.socket:
    """A connection on which a request begins and never ends."""
    connection = socket.create_connection((HOST, node.settings.port), timeout=20)
    connection.sendall(beginning)
    return connection


def received(connection: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    with connection:
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_headers_and_bodies_that_do_not_arrive_end_with_408(node: RunningNode) -> None:
    began = time.monotonic()
    headers = slow(node, b"GET / HTTP/1.1\r\nhost: a\r\nx-one: 1\r\n")
    body = slow(node, b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\n{")
    first = received(headers)
    second = received(body)
    assert first.startswith(b"HTTP/1.1 408")
    assert second.startswith(b"HTTP/1.1 408")
    assert b'"code":"request_too_slow"' in second
    assert time.monotonic() - began < 15


def active(node: RunningNode) -> int:
    """How many requests of callers are under way."""
    return int(node.envoy.admin.stats(r"http\.gateway\.downstream_rq_active$")["http.gateway.downstream_rq_active"])


def test_answers_that_are_not_read_are_given_up(node: RunningNode, until: Callable[..., None]) -> None:
    """One fills all buffers up to the server's. One is small, but its caller opens no window of HTTP/2 for it."""
    large = slow(node, b"GET /large/64000000 HTTP/1.1\r\nhost: a\r\n\r\n")
    windowless = H2Connection(H2Configuration(client_side=True))
    windowless.initiate_connection()
    asked = [(":method", "GET"), (":path", "/large/300000"), (":authority", "a"), (":scheme", "http")]
    windowless.send_headers(1, asked, end_stream=True)
    small = slow(node, windowless.data_to_send())
    with large, small:
        until(lambda: active(node) == 2)
        began = time.monotonic()
        until(lambda: active(node) == 0)
        assert 1 < time.monotonic() - began < 15
    assert node.envoy.admin.stats("tx_flush_timeout$")["http2.tx_flush_timeout"] == 1


def test_connections_above_the_limit_are_closed_and_places_become_free_again(node: RunningNode) -> None:
    held = [slow(node, b"GET / HTTP/1.1\r\nhost: a\r\n") for _ in range(3)]
    with pytest.raises(httpx.TransportError):
        httpx.get(node.url, timeout=20)
    for connection in held:
        received(connection)
    assert httpx.get(node.url, timeout=20).is_success


def test_a_prediction_that_takes_longer_than_its_request_may_is_answered(node: RunningNode) -> None:
    with httpx.Client(timeout=20) as client:
        assert client.get(f"{node.url}/slow/3").is_success
