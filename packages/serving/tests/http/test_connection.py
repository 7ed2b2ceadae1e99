"""HTTP/1.1 over real sockets: order, limits, time, and leaving without losing a request."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from planes import ANYWHERE

from modelyard_serving.http import connection
from modelyard_serving.http.exchange import HandlerResult, Request, Response
from modelyard_serving.http.server import HttpServer

pytestmark = pytest.mark.anyio

LIMIT = 1000


@dataclass
class Echo:
    """Answers with the body; a path under /later waits for `release` first."""

    seen: list[Request] = field(default_factory=list)
    release: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)

    def handle(self, request: Request) -> HandlerResult:
        self.seen.append(request)
        return self._later(request) if request.path.startswith("/later") else Response(200, request.body)

    async def _later(self, request: Request) -> Response:
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        if request.path == "/later/broken":
            raise RuntimeError("a fault")
        return Response(200, request.body or request.path.encode())


class Caller:
    """One connection of a test."""

    def __init__(self, callback: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.callback = callback
        self.writer = writer

    async def send(self, text: bytes) -> None:
        self.writer.write(text)
        await self.writer.drain()

    async def receive(self, *, is_head: bool = False) -> tuple[int, dict[str, str], bytes]:
        """The next response."""
        head = (await asyncio.wait_for(self.callback.readuntil(b"\r\n\r\n"), 5)).decode()
        status, *lines = head.strip().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        size = 0 if is_head else int(headers["content-length"])
        return int(status.split()[1]), headers, await self.callback.readexactly(size)

    async def is_closed(self) -> bool:
        return await asyncio.wait_for(self.callback.read(1), 5) == b""


@dataclass
class Served:
    server: HttpServer
    app: Echo
    address: tuple[str, int]

    callers: list[Caller] = field(default_factory=list)

    async def connect(self) -> Caller:
        caller = Caller(*await asyncio.open_connection(*self.address))
        self.callers.append(caller)
        return caller


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    listener = socket.create_server(("127.0.0.1", 0))
    app = Echo()
    server = HttpServer(app, loop=asyncio.get_running_loop(), max_body_bytes=LIMIT, sources=ANYWHERE, version="3")
    await server.start(listener)
    served = Served(server, app, listener.getsockname())
    yield served
    app.release.set()
    for caller in served.callers:
        caller.writer.close()
        with contextlib.suppress(OSError):
            await caller.writer.wait_closed()
    await server.stop(1)


def post(body: bytes, path: str = "/", *headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "host: x", f"content-length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class TestRequests:
    async def test_a_request_is_what_was_sent(self, served: Served) -> None:
        caller = await served.connect()
        await caller.send(post(b"hello", "/a/b?c=d", "X-Some: Value", "x-list: 1", "X-List: 2"))
        assert (await caller.receive())[2] == b"hello"
        request = served.app.seen[0]
        assert (request.method, request.path, request.query) == ("POST", "/a/b", "c=d")
        assert request.headers.get("x-some") == "Value"
        assert request.headers.get("x-list") == "1, 2"

    async def test_every_response_names_the_version_that_answers(self, served: Served) -> None:
        caller = await served.connect()
        await caller.send(post(b"1"))
        assert (await caller.receive())[1]["modelyard-version"] == "3"
        await caller.send(b"nonsense\r\n\r\n")
        status, headers, _ = await caller.receive()
        assert (status, headers["modelyard-version"]) == (400, "3")

    async def test_a_connection_serves_many_requests(self, served: Served) -> None:
        caller = await served.connect()
        for body in (b"1", b"22", b""):
            await caller.send(post(body))
            assert (await caller.receive())[2] == body

    async def test_a_request_may_come_byte_by_byte(self, served: Served) -> None:
        caller = await served.connect()
        for byte in post(b"slow"):
            await caller.send(bytes([byte]))
        assert (await caller.receive())[2] == b"slow"

    async def test_a_chunked_body_is_put_together(self, served: Served) -> None:
        caller = await served.connect()
        await caller.send(b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
        assert (await caller.receive())[2] == b"abcde"

    async def test_pipelined_requests_are_answered_in_order(self, served: Served) -> None:
        caller = await served.connect()
        await caller.send(post(b"", "/later/1") + post(b"2") + post(b"", "/later/3") + post(b"4"))
        await asyncio.sleep(0.05)
        assert served.server.in_flight == 4
        served.app.release.set()
        assert [(await caller.receive())[2] for _ in range(4)] == [b"/later/1", b"2", b"/later/3", b"4"]
        assert served.server.in_flight == 0

    async def test_more_pipelined_requests_than_are_kept_are_all_answered(self, served: Served) -> None:
        caller = await served.connect()
        await caller.send(b"".join(post(b"%d" % number, "/later") for number in range(200)))
        served.app.release.set()
        assert [(await caller.receive())[2] for _ in range(200)] == [b"%d" % number for number in range(200)]

    async def test_expect_100_continue_is_granted(self, served: Served) -> None:
        caller = await served.connect()
        await caller.send(post(b"", "/", "expect: 100-continue").replace(b"content-length: 0", b"content-length: 2"))
        assert await asyncio.wait_for(caller.callback.readuntil(b"\r\n\r\n"), 5) == b"HTTP/1.1 100 Continue\r\n\r\n"
        await caller.send(b"ok")
        assert (await caller.receive())[2] == b"ok"

    async def test_head_has_the_length_and_no_body(self, served: Served) -> None:
        caller = await served.connect()
        await caller.send(b"HEAD /later HTTP/1.1\r\n\r\n")
        served.app.release.set()
        status, headers, body = await caller.receive(is_head=True)
        assert (status, headers["content-length"], body) == (200, "6", b"")
        await caller.send(post(b"next"))
        assert (await caller.receive())[2] == b"next"

    async def test_a_fault_of_the_application_is_a_500_and_the_connection_stays(self, served: Served) -> None:
        caller = await served.connect()
        served.app.release.set()
        await caller.send(post(b"", "/later/broken"))
        status, _, body = await caller.receive()
        assert status == 500
        assert b"a fault" not in body
        await caller.send(post(b"next"))
        assert (await caller.receive())[2] == b"next"


class TestEnds:
    @pytest.mark.parametrize(
        "request_", [post(b"x", "/", "connection: close"), post(b"x").replace(b"HTTP/1.1", b"HTTP/1.0")]
    )
    async def test_the_connection_closes_when_the_caller_wants_it(self, served: Served, request_: bytes) -> None:
        caller = await served.connect()
        await caller.send(request_)
        _, headers, body = await caller.receive()
        assert (headers["connection"], body) == ("close", b"x")
        assert await caller.is_closed()

    async def test_an_answer_that_nobody_waits_for_is_cancelled(self, served: Served) -> None:
        caller = await served.connect()
        await caller.send(post(b"", "/later"))
        await asyncio.sleep(0.05)
        caller.writer.transport.abort()
        await asyncio.wait_for(served.app.cancelled.wait(), 5)
        await asyncio.sleep(0)
        assert served.server.in_flight == 0

    async def test_an_upgrade_is_not_made_and_the_request_is_answered(self, served: Served) -> None:
        caller = await served.connect()
        await caller.send(b"GET / HTTP/1.1\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n")
        assert (await caller.receive())[0] == 200
        assert await caller.is_closed()


class TestLimits:
    @pytest.mark.parametrize(
        "sent",
        [
            post(b"").replace(b"content-length: 0", b"content-length: 1001"),
            post(b"").replace(b"content-length: 0", b"content-length: 99999999999999999"),
            b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n"
            b"1f4\r\n" + b"x" * 500 + b"\r\n" + b"1f5\r\n" + b"x" * 501,
        ],
    )
    async def test_a_body_over_the_limit_is_refused_before_it_came_whole(self, served: Served, sent: bytes) -> None:
        caller = await served.connect()
        await caller.send(sent)
        status, headers, body = await caller.receive()
        assert (status, headers["connection"]) == (413, "close")
        assert body == b'{"error":"the body is larger than 1000 bytes"}'
        assert await caller.is_closed()
        assert served.app.seen == []

    async def test_the_refusal_reaches_a_caller_that_goes_on_sending(self, served: Served) -> None:
        caller = await served.connect()
        caller.writer.write(post(b"x" * (8 << 20)))
        assert (await caller.receive())[0] == 413

    async def test_a_body_of_the_limits_size_passes(self, served: Served) -> None:
        caller = await served.connect()
        await caller.send(post(b"x" * LIMIT))
        assert (await caller.receive())[0] == 200

    async def test_a_head_over_the_limit_is_refused(self, served: Served) -> None:
        caller = await served.connect()
        await caller.send(post(b"", "/", *(f"x-{number}: {'v' * 100}" for number in range(1000))))
        assert (await caller.receive())[0] == 413

    @pytest.mark.parametrize(
        "sent",
        [
            b"nonsense\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            b"POST / HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
            b"POST / HTTP/1.1\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        ],
    )
    async def test_what_is_not_http_is_refused_and_the_server_lives(self, served: Served, sent: bytes) -> None:
        caller = await served.connect()
        await caller.send(sent)
        assert (await caller.receive())[0] == 400
        assert await caller.is_closed()
        other = await served.connect()
        await other.send(post(b"fine"))
        assert (await other.receive())[2] == b"fine"


class TestTime:
    async def test_who_stands_still_in_a_request_is_parted_from(
        self, served: Served, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(connection, "READ_TIMEOUT_S", 0.1)
        caller = await served.connect()
        await caller.send(b"POST / HTTP/1.1\r\ncontent-le")
        with contextlib.suppress(ConnectionResetError):
            assert await caller.is_closed()

    async def test_who_waits_for_a_slow_answer_is_not(self, served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(connection, "READ_TIMEOUT_S", 0.1)
        caller = await served.connect()
        await caller.send(post(b"", "/later"))
        await asyncio.sleep(2.2)
        served.app.release.set()
        assert (await caller.receive())[2] == b"/later"


class TestLeaving:
    async def test_requests_in_flight_are_answered_and_idle_connections_closed(self, served: Served) -> None:
        idle, busy, fresh = await served.connect(), await served.connect(), await served.connect()
        await idle.send(post(b"1"))
        await idle.receive()
        await busy.send(post(b"", "/later"))
        await fresh.send(b"POST / HTTP/1.1\r\ncontent-length: 2\r\n\r\n1")
        await asyncio.sleep(0.05)
        stopping = asyncio.create_task(served.server.stop(5))
        assert await idle.is_closed()
        served.app.release.set()
        await fresh.send(b"2")
        for caller, expected in ((busy, b"/later"), (fresh, b"12")):
            _, headers, body = await caller.receive()
            assert (headers["connection"], body) == ("close", expected)
        assert await stopping is True

    async def test_who_has_just_connected_is_still_asked_what_it_wants(self, served: Served) -> None:
        asking, silent = await served.connect(), await served.connect()
        await asyncio.sleep(0.05)
        stopping = asyncio.create_task(served.server.stop(5))
        await asyncio.sleep(0.2)
        await asking.send(post(b"1"))
        _, headers, body = await asking.receive()
        assert (headers["connection"], body) == ("close", b"1")
        assert await silent.is_closed()
        assert await asyncio.wait_for(stopping, 5) is True

    async def test_what_takes_too_long_is_cut(self, served: Served) -> None:
        busy = await served.connect()
        await busy.send(post(b"", "/later"))
        await asyncio.sleep(0.05)
        assert await served.server.stop(0.05) is False

    async def test_a_server_that_accepts_no_more_keeps_its_connections(self, served: Served) -> None:
        caller = await served.connect()
        await caller.send(post(b"1"))
        await caller.receive()
        served.server.stop_accepting()
        await caller.send(post(b"2"))
        assert (await caller.receive())[2] == b"2"
        with pytest.raises(ConnectionRefusedError):
            await served.connect()
