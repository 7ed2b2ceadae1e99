"""One HTTP/1.1 connection: bytes to requests, responses to bytes, in order. Parsing is llhttp's (by httptools); routing
is the application's. It rejects heads and bodies over the limits before it allocates memory for them."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import httptools

from modelyard_serving.errors import Kind, ServingError
from modelyard_serving.execution.future import Future, ensure_future
from modelyard_serving.http.errors import error_response
from modelyard_serving.http.exchange import HandlerResult, Request, Response
from modelyard_serving.http.heads import Heads
from modelyard_serving.http.wire import CONTINUE, render_head
from modelyard_serving.origin_policy import OriginPolicy

MAX_HEAD_BYTES = 64 * 1024
READ_TIMEOUT_S = 30.0
"""How long a request may stall while it is received, and a response while it is sent."""
IDLE_TIMEOUT_S = 120.0
"""How long an idle connection is kept open."""
LINGER_S = 2.0
"""How long the rest of a rejected request is read and discarded, so that the response reaches the client."""
MAX_PIPELINED = 64
HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n"
"""How every connection of HTTP/2 begins (RFC 9113, section 3.4), and none of HTTP/1.1."""
_WRITE_SEPARATELY_BYTES = 64 * 1024


class Application(Protocol):
    """The request handler."""

    def handle(self, request: Request) -> HandlerResult:
        """The response, at once or awaited. It raises nothing."""


@dataclass(slots=True, eq=False)
class ConnectionContext:
    """What all connections of one server share."""

    app: Application
    loop: asyncio.AbstractEventLoop
    max_body_bytes: int
    sources: OriginPolicy
    common: bytes
    """Lines of every head."""
    now: float
    """The loop's time, to the second: precise enough for the limits above, and free."""
    open_http2: Callable[[], asyncio.Protocol] | None = None
    """What takes over a connection whose client speaks HTTP/2; None where nothing does."""
    heads: Heads = field(default_factory=Heads)
    connections: set["Connection"] = field(default_factory=set)
    in_flight: int = 0
    """Complete requests without a response."""
    is_draining: bool = False
    """Draining: every response closes its connection."""


@dataclass(slots=True)
class _Exchange:
    """A complete request, waiting for its turn on its connection."""

    request: Request
    keeps_alive: bool


class Connection(asyncio.Protocol):
    """One connection. Pipelined requests wait for the previous response."""

    __slots__ = (
        "_body",
        "_body_bytes",
        "_context",
        "_exchange",
        "_has_last",
        "_head_bytes",
        "_headers",
        "_is_lingering",
        "_is_paused",
        "_is_reading",
        "_parsed",
        "_parser",
        "_pending",
        "_transport",
        "_url",
        "_waiting",
        "deadline",
        "has_received_request",
    )

    def __init__(self, context: ConnectionContext) -> None:
        self._context = context
        self._parser: Any = httptools.HttpRequestParser(self)
        self._transport: Any = None
        self._url = b""
        self._headers: dict[str, str] = {}
        self._head_bytes = 0
        self._body: list[bytes] = []
        self._body_bytes = 0
        self._parsed: _Exchange | None = None
        self._exchange: _Exchange | None = None
        self._pending: Future[Response] | None = None
        self._waiting: deque[_Exchange] = deque()
        self._is_reading = False
        self._has_last = False
        """Whether a request came that ends the connection: what follows it is refused by the parser."""
        self._is_lingering = False
        self._is_paused = False
        self.deadline = context.now + READ_TIMEOUT_S
        self.has_received_request = False
        """Whether a request has begun on it, ever."""

    @property
    def is_idle(self) -> bool:
        """No request is being received or handled, and no response is being sent."""
        return self._exchange is None and not self._is_reading and not self._waiting and not self._is_paused

    @property
    def is_stalled(self) -> bool:
        """Whether the deadline applies: the client stalls, and not the server that computes."""
        return self._exchange is None or self._is_paused

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._context.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # Its cause changes nothing.
        self._context.connections.discard(self)
        self._context.in_flight -= len(self._waiting)
        self._waiting.clear()
        if self._pending is not None:
            self._pending.cancel()
            self._pending = None
            self._exchange = None
            self._context.in_flight -= 1

    def data_received(self, data: bytes) -> None:
        if self._is_lingering:
            return
        if not self.has_received_request and data.startswith(HTTP2_PREFACE) and self._context.open_http2 is not None:
            self._hand_over(self._context.open_http2(), data)
            return
        self.deadline = self._context.now + READ_TIMEOUT_S
        is_continued = self._is_reading
        if not (is_continued or self._has_last) and (request := self._context.heads.request(data)) is not None:
            self.has_received_request = True
            self._accept(_Exchange(request, keeps_alive=True))
            return
        self._parse(data)
        parsed, self._parsed = self._parsed, None
        if parsed is not None and not is_continued and self._is_repeatable(parsed):
            self._context.heads.remember(data, parsed.request)

    def _hand_over(self, protocol: Any, data: bytes) -> None:
        """Leave the connection to another protocol, from its first byte on."""
        self._context.connections.discard(self)
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)
        protocol.data_received(data)

    def _is_repeatable(self, exchange: _Exchange) -> bool:
        return exchange.keeps_alive and self._context.sources.is_already_trusted(exchange.request.headers)

    def _parse(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._is_lingering = True  # The request itself was answered; what follows would not be HTTP/1.1.
        except httptools.HttpParserError as error:
            if not self._is_lingering:
                self._reject(ServingError(f"this is not HTTP/1.1: {error}", kind=Kind.INVALID))

    def pause_writing(self) -> None:
        self._is_paused = True

    def resume_writing(self) -> None:
        self._is_paused = False
        self._handle_next()

    def close(self) -> None:
        """End the connection when what was written is sent."""
        self._transport.close()

    def abort(self) -> None:
        """End the connection now."""
        self._transport.abort()

    def on_message_begin(self) -> None:
        """Parser: the first byte of a request."""
        self._is_reading = True
        self.has_received_request = True
        self._url = b""
        self._headers = {}
        self._head_bytes = 0
        self._body = []
        self._body_bytes = 0

    def on_url(self, url: bytes) -> None:
        """Parser: a piece of the request's target."""
        self._url += url
        self._head_bytes += len(url)
        if self._head_bytes > MAX_HEAD_BYTES:
            self._reject_head()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Parser: a header. Repeated headers are joined with commas."""
        key, text, headers = name.decode("latin-1").lower(), value.decode("latin-1"), self._headers
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > MAX_HEAD_BYTES:
            self._reject_head()

    def on_headers_complete(self) -> None:
        """Parser: the end of the head. A forbidden request is rejected before its body is read."""
        sources = self._context.sources
        if not sources.is_already_trusted(self._headers):
            refusal = sources.refusal(self._parser.get_method().decode("latin-1"), self._headers)
            if refusal is not None:
                self._reject(refusal)
                return
        length = self._headers.get("content-length", "")
        if length.isdigit() and int(length) > self._context.max_body_bytes:
            self._reject(_too_large(self._context.max_body_bytes))
        elif self._headers.get("expect", "").lower() == "100-continue":
            self._transport.write(CONTINUE)

    def on_body(self, body: bytes) -> None:
        """Parser: a piece of the body."""
        self._body_bytes += len(body)
        if self._body_bytes > self._context.max_body_bytes:
            self._body = []
            self._reject(_too_large(self._context.max_body_bytes))
        elif not self._is_lingering:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """Parser: the end of a request."""
        self._is_reading = False
        if self._is_lingering:
            return
        path, _, query = self._url.decode("latin-1").partition("?")
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        method = self._parser.get_method().decode("latin-1")
        keeps_alive = self._parser.should_keep_alive() and not self._parser.should_upgrade()
        self._has_last = not keeps_alive
        self._parsed = _Exchange(Request(method, path, self._headers, body, query), keeps_alive)
        self._body = []
        self._accept(self._parsed)

    def _accept(self, exchange: _Exchange) -> None:
        """Handle a complete request, now or when those before it are answered."""
        self._context.in_flight += 1
        if self._exchange is None and not self._waiting and not self._is_paused:
            self._handle(exchange)
            return
        self._waiting.append(exchange)
        if len(self._waiting) >= MAX_PIPELINED:
            self._transport.pause_reading()

    def _reject_head(self) -> None:
        if not self._is_lingering:
            self._reject(ServingError(f"the head is larger than {MAX_HEAD_BYTES} bytes", kind=Kind.TOO_LARGE))

    def _handle(self, exchange: _Exchange) -> None:
        self._exchange = exchange
        result = self._context.app.handle(exchange.request)
        if isinstance(result, Response):
            self._write_response(result)
        else:
            self._pending = ensure_future(result)
            self._pending.on_done(self._on_response)

    def _on_response(self, outcome: Response | BaseException) -> None:
        self._pending = None
        self._write_response(error_response(outcome) if isinstance(outcome, BaseException) else outcome)
        if self._waiting:
            self._context.loop.call_soon(self._handle_next)  # Not from within: each answer would be a step deeper.

    def _handle_next(self) -> None:
        while self._waiting and self._exchange is None and not self._is_paused:
            self._handle(self._waiting.popleft())
            if len(self._waiting) < MAX_PIPELINED:
                self._transport.resume_reading()

    def _write_response(self, response: Response) -> None:
        exchange, context = self._exchange, self._context
        self._exchange = None
        context.in_flight -= 1
        if exchange is None or self._transport.is_closing():
            return
        is_last = not exchange.keeps_alive or (context.is_draining and not self._waiting)
        head = render_head(response, common=context.common, is_last=is_last)
        if exchange.request.method == "HEAD":
            self._transport.write(head)
        elif len(response.body) < _WRITE_SEPARATELY_BYTES:
            self._transport.write(head + response.body)
        else:
            self._transport.writelines((head, response.body))
        if is_last:
            self._transport.close()
        self.deadline = context.now + IDLE_TIMEOUT_S

    def _reject(self, error: ServingError) -> None:
        """Respond to a request before its end, and close."""
        self._is_lingering = True
        self._is_reading = False
        response = error_response(error)
        self._transport.write(render_head(response, common=self._context.common, is_last=True) + response.body)
        self.deadline = self._context.now + LINGER_S
        if self._transport.can_write_eof():
            self._transport.write_eof()


def _too_large(limit: int) -> ServingError:
    return ServingError(f"the body is larger than {limit} bytes", kind=Kind.TOO_LARGE)
