"""Heads that are known: a connection sees the same requests as one that parses each of them."""

import asyncio
from collections.abc import Sequence
from unittest.mock import Mock

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from planes import ANYWHERE

from modelyard_serving.http.connection import Connection, ConnectionContext
from modelyard_serving.http.exchange import HandlerResult, Request, Response
from modelyard_serving.http.heads import Heads
from modelyard_serving.origin_policy import OriginPolicy

LIMIT = 1000
HEADERS = [
    "host: x",
    "Host: evil.example.com",
    "x-some: 1",
    "X-Some: 2",
    "connection: close",
    "connection: keep-alive",
    "transfer-encoding: chunked",
    "expect: 100-continue",
    "upgrade: h2c",
    "content-length: 3",
    "origin: https://evil.example.com",
]


class NoHeads(Heads):
    """Knows none."""

    def request(self, data: bytes) -> Request | None:
        return None


class Recording:
    def __init__(self) -> None:
        self.seen: list[Request] = []

    def handle(self, request: Request) -> HandlerResult:
        self.seen.append(request)
        return Response(200, request.body)


class Talk:
    """A connection without a socket."""

    def __init__(self, heads: Heads, *, sources: OriginPolicy = ANYWHERE) -> None:
        self.app = Recording()
        self.sent: list[bytes] = []
        transport = Mock(spec=asyncio.Transport)
        transport.is_closing.side_effect = lambda: transport.close.called
        transport.write.side_effect = self.sent.append
        context = ConnectionContext(
            app=self.app,
            loop=Mock(spec=asyncio.AbstractEventLoop),
            max_body_bytes=LIMIT,
            sources=sources,
            common=b"\r\n",
            now=0.0,
            heads=heads,
        )
        self.connection = Connection(context)
        self.connection.connection_made(transport)

    def say(self, chunks: Sequence[bytes]) -> tuple[list[Request], list[bytes]]:
        for chunk in chunks:
            self.connection.data_received(chunk)
        return self.app.seen, self.sent


def post(body: bytes, *headers: str) -> bytes:
    lines = ["POST /a?b=c HTTP/1.1", "host: x", f"content-length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """A request as somebody may send it, right or not."""
    method = draw(st.sampled_from(["POST", "GET", "HEAD"]))
    version = draw(st.sampled_from(["1.1", "1.1", "1.0"]))
    body = draw(st.sampled_from([b"", b"abc", b"de", b"\r\n\r\n", b"3\r\nabc\r\n0\r\n\r\n", post(b"")]))
    headers = draw(st.lists(st.sampled_from([*HEADERS, f"content-length: {len(body)}"]), max_size=3, unique=True))
    return "\r\n".join([f"{method} /x HTTP/{version}", *headers]).encode() + b"\r\n\r\n" + body


@st.composite
def streams(draw: st.DrawFn) -> list[bytes]:
    """Few different requests, each several times, in chunks that need not be theirs."""
    kinds = draw(st.lists(requests(), min_size=1, max_size=3))
    sent = draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=8))
    if draw(st.booleans()):
        return sent
    whole = b"".join(sent)
    cuts = sorted(draw(st.lists(st.integers(0, len(whole)), max_size=4)))
    return [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True) if start < end]


class TestKnownHeads:
    @given(streams())
    @example([b"GET /x HTTP/1.1\r\n\r\n", b"GET /x HTTP/1.0\r\n\r\n", b"GET /x HTTP/1.1\r\n\r\n"])
    def test_what_is_seen_and_answered_is_the_same(self, chunks: list[bytes]) -> None:
        strict = OriginPolicy(listens_on="127.0.0.1", hosts=["x"])
        assert Talk(Heads(), sources=strict).say(chunks) == Talk(NoHeads(), sources=strict).say(chunks)

    def test_a_known_head_is_not_parsed_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        talk = Talk(Heads())
        talk.say([post(b"one")])
        monkeypatch.setattr(talk.connection, "_parser", None)
        talk.say([post(b"two")])
        assert [request.body for request in talk.app.seen] == [b"one", b"two"]

    def test_a_body_that_was_unpacked_by_the_application_is_measured_as_it_came(self) -> None:
        heads = Heads()
        request = Request("POST", "/", {"content-length": "5"}, b"unpacked")
        heads.remember(b"POST / HTTP/1.1\r\ncontent-length: 5\r\n\r\nsmall", request)
        assert heads.request(b"POST / HTTP/1.1\r\ncontent-length: 5\r\n\r\nsmall") is None

    def test_heads_that_never_repeat_take_no_memory_without_end(self) -> None:
        heads = Heads()
        for number in range(1000):
            data = post(b"", f"x-request-id: {number}")
            heads.remember(data, Request("POST", "/a", {"content-length": "0"}))
        kept = [number for number in range(1000) if heads.request(post(b"", f"x-request-id: {number}")) is not None]
        assert kept == list(range(768, 1000))
