"""gRPC calls on HTTP/2 streams: deadlines, and the status at the end. It knows no service; a method is a function from
bytes to bytes."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from modelyard_serving.errors import InvalidInput, Kind, ServingError
from modelyard_serving.execution.future import Future, ensure_future
from modelyard_serving.grpc.http2.connection import Connection, StreamHandler
from modelyard_serving.grpc.http2.headers import Headers
from modelyard_serving.grpc.messages import PREFIX_SIZE, WINDOW_BITS, Messages, RequestMemory, compressed, frame_message
from modelyard_serving.grpc.status import NOT_GRPC, NOT_POST, OK_TRAILERS, Metadata, ResponseHeads, failure_trailers
from modelyard_serving.model_header import MODEL_HEADER, VERSION_HEADER

TIMEOUT = re.compile(rb"(\d{1,8})([HMSmun])")
UNITS_S = {b"H": 3600.0, b"M": 60.0, b"S": 1.0, b"m": 1e-3, b"u": 1e-6, b"n": 1e-9}
MAX_BUFFERED_BYTES = 1 << 20
_CHECKED_HEADERS = frozenset({MODEL_HEADER.encode(), VERSION_HEADER.encode(), b"origin", b"sec-fetch-site"})
"""Headers that can cause a rejection; without them the check is skipped."""
_MIN_COMPRESSED_BYTES = 512
_LARGE_BYTES = 256 * 1024


@dataclass(slots=True)
class Context:
    """The context of a call. `timeout_s` None is no deadline."""

    metadata: Metadata
    timeout_s: float | None = None
    encoding: bytes | None = None
    """The compression of the response, if the client requests one."""


Reply = bytes | BaseException
"""The response message, or the error."""
Unary = Callable[[bytes, Context], Reply | Awaitable[Reply]]
Streaming = Callable[[AsyncIterator[bytes], Context], AsyncIterator[bytes]]


class Service(Protocol):
    """Methods by their path, `/package.Service/Method`."""

    @property
    def unary(self) -> Mapping[bytes, Unary]:
        """Methods with one request and one response."""

    @property
    def streaming(self) -> Mapping[bytes, Streaming]:
        """Methods with streams both ways."""

    def refusal(self, metadata: Metadata) -> ServingError | None:
        """Why a call is rejected by its metadata; None when it is accepted."""

    def end_streams(self) -> None:
        """End the streams that have no end of their own."""


class CallFactory:
    """Opens a call for every request of a connection."""

    def __init__(
        self, service: Service, *, max_message_bytes: int, loop: asyncio.AbstractEventLoop, heads: ResponseHeads
    ) -> None:
        self._service = service
        self._heads = heads
        self._unary = service.unary
        self._streaming = service.streaming
        self._limit = max_message_bytes
        self._loop = loop
        self._memory = RequestMemory(max_message_bytes * 4)

    @property
    def reserved(self) -> int:
        """Bytes of incomplete requests."""
        return self._memory.reserved

    def open(self, connection: Connection, stream: int, headers: Headers) -> StreamHandler:
        """The call of a new request; a no-op handler when it is rejected at once."""
        refusal = self._refusal(connection, headers)
        if refusal is not None:
            connection.send_trailers(stream, refusal)
            return _RejectedCall()
        path = headers[b":path"]
        messages = Messages(encoding=headers.get(b"grpc-encoding"), limit=self._limit, memory=self._memory)
        context = Context(Metadata(headers), _timeout_s(headers), _response_encoding(headers))
        method = self._unary.get(path)
        if method is not None:
            return UnaryCall(
                connection,
                stream,
                method=method,
                context=context,
                messages=messages,
                loop=self._loop,
                heads=self._heads,
            )
        streaming = self._streaming[path]
        return StreamCall(
            connection,
            stream,
            method=streaming,
            context=context,
            messages=messages,
            loop=self._loop,
            heads=self._heads,
        )

    def _refusal(self, connection: Connection, headers: Headers) -> bytes | None:
        if headers.get(b":method") != b"POST":
            return NOT_POST
        if not headers.get(b"content-type", b"").startswith(b"application/grpc"):
            return NOT_GRPC
        path = headers.get(b":path", b"")
        if path not in self._unary and path not in self._streaming:
            message = f"there is no method {path[:200].decode(errors='replace')}"
            return self._heads.failure(ServingError(message, kind=Kind.METHOD_NOT_ALLOWED), Metadata(headers))
        if not _CHECKED_HEADERS.isdisjoint(headers) and (error := self._service.refusal(metadata := Metadata(headers))):
            if error.kind is Kind.MISDIRECTED:
                connection.begin_drain()  # Only another connection can lead to another version.
            return self._heads.failure(error, metadata)
        encoding = headers.get(b"grpc-encoding", b"identity")
        if encoding != b"identity" and encoding not in WINDOW_BITS:
            message = f"grpc-encoding {encoding[:40].decode(errors='replace')} is not known, only gzip and deflate"
            return self._heads.failure(ServingError(message, kind=Kind.UNSUPPORTED), Metadata(headers))
        return None


class UnaryCall:
    """One request, one response. A method that returns its result directly is answered without a task."""

    def __init__(
        self,
        connection: Connection,
        stream: int,
        *,
        method: Unary,
        context: Context,
        messages: Messages,
        loop: asyncio.AbstractEventLoop,
        heads: ResponseHeads,
    ) -> None:
        self._heads = heads
        self._connection = connection
        self._stream = stream
        self._method = method
        self._context = context
        self._messages = messages
        self._loop = loop
        self._message: bytes | None = None
        self._pending: Future[Any] | None = None

    @property
    def is_incomplete(self) -> bool:
        return self._pending is None

    def receive(self, data: bytes, *, is_last: bool) -> None:
        """Bytes of the request."""
        try:
            self._collect(data)
            if is_last:
                self._run()
        except Exception as error:  # noqa: BLE001  # The last line of defence: the caller gets its INTERNAL.
            self._fail(error)

    def cancel(self) -> None:
        """The client no longer waits for the response."""
        self._messages.close()
        if self._pending is not None:
            self._pending.cancel()

    def _collect(self, data: bytes) -> None:
        for message in self._messages.feed(data) if data else ():
            if self._message is not None:
                raise InvalidInput("one message was expected, more came")
            self._message = message

    def _run(self) -> None:
        if self._message is None or not self._messages.is_whole:
            raise InvalidInput("one message was expected, none came whole")
        result = self._method(self._message, self._context)
        self._message = None
        if isinstance(result, (bytes, BaseException)):
            self._reply(result)
        else:
            self._pending = ensure_future(result)
            self._pending.on_done(self._reply)

    def _reply(self, reply: Reply) -> None:
        if isinstance(reply, BaseException):
            self._fail(reply)
        else:
            self._send(reply)

    def _send(self, message: bytes) -> None:
        encoding = self._context.encoding
        if encoding is None or len(message) < _MIN_COMPRESSED_BYTES:
            self._connection.send_response(self._stream, self._heads.plain, frame_message(message), OK_TRAILERS)
        elif len(message) < _LARGE_BYTES:
            self._connection.send_response(
                self._stream, self._heads.compressed[encoding], compressed(message, encoding), OK_TRAILERS
            )
        else:
            # Compressed in a thread: it would block the event loop for too long.
            self._pending = ensure_future(self._loop.run_in_executor(None, compressed, message, encoding))
            self._pending.on_done(partial(self._reply_compressed, self._heads.compressed[encoding]))

    def _reply_compressed(self, head: bytes, reply: Reply) -> None:
        if isinstance(reply, BaseException):
            self._fail(reply)
        else:
            self._connection.send_response(self._stream, head, reply, OK_TRAILERS)

    def _fail(self, error: BaseException) -> None:
        self._messages.close()
        self._connection.send_trailers(self._stream, self._heads.failure(error, self._context.metadata))


class StreamCall:
    """A call with streams of requests and responses. A client that does not read its responses is not read either."""

    def __init__(
        self,
        connection: Connection,
        stream: int,
        *,
        method: Streaming,
        context: Context,
        messages: Messages,
        loop: asyncio.AbstractEventLoop,
        heads: ResponseHeads,
    ) -> None:
        self._heads = heads
        self._connection = connection
        self._stream = stream
        self._messages = messages
        self._metadata = context.metadata
        self._queue: asyncio.Queue[bytes | Exception | None] = asyncio.Queue()
        self._loop = loop
        self._timer = loop.call_later(context.timeout_s, self._expire) if context.timeout_s is not None else None
        self._task = loop.create_task(self._run(method(self._requests(), context)))

    @property
    def is_incomplete(self) -> bool:
        return not self._messages.is_whole

    def receive(self, data: bytes, *, is_last: bool) -> None:
        """Bytes of the requests."""
        try:
            for message in self._messages.feed(data) if data else ():
                self._queue.put_nowait(message)
            if is_last:
                self._queue.put_nowait(None)
        except ServingError as error:
            self._queue.put_nowait(error)

    def cancel(self) -> None:
        """The client no longer waits for responses."""
        self._close()
        self._task.cancel()

    async def _requests(self) -> AsyncIterator[bytes]:
        while (message := await self._queue.get()) is not None:
            if isinstance(message, Exception):
                raise message
            yield message
            self._connection.extend_window(self._stream, PREFIX_SIZE + len(message))

    async def _run(self, responses: AsyncIterator[bytes]) -> None:
        self._connection.send_headers(self._stream, self._heads.plain)
        try:
            async for message in responses:
                self._connection.send_data(self._stream, frame_message(message))
                await self._connection.wait_for_send_buffer(self._stream, MAX_BUFFERED_BYTES)
            self._connection.send_trailers(self._stream, OK_TRAILERS)
        except Exception as error:  # noqa: BLE001  # The last line of defence: the caller gets its INTERNAL.
            self._connection.send_trailers(self._stream, failure_trailers(error, self._metadata))
        finally:
            self._close()

    def _expire(self) -> None:
        error = ServingError("the call's time ran out", kind=Kind.TIMEOUT)
        self._connection.send_trailers(self._stream, failure_trailers(error, self._metadata))
        self.cancel()

    def _close(self) -> None:
        self._messages.close()
        if self._timer is not None:
            self._timer.cancel()


class _RejectedCall:
    """The handler of a request that was rejected before it was read."""

    is_incomplete = False

    def receive(self, data: bytes, *, is_last: bool) -> None:
        pass

    def cancel(self) -> None:
        pass


def _response_encoding(headers: Headers) -> bytes | None:
    """The compression of the request, if its sender accepts it in a response too.

    Every client lists what it accepts; only a client that compresses its own messages wants compression.
    """
    encoding = headers.get(b"grpc-encoding")
    if encoding not in WINDOW_BITS:
        return None
    accepted = headers.get(b"grpc-accept-encoding", b"").replace(b" ", b"").split(b",")
    return encoding if encoding in accepted else None


def _timeout_s(headers: Headers) -> float | None:
    value = headers.get(b"grpc-timeout")
    match = TIMEOUT.fullmatch(value) if value is not None else None
    return int(match[1]) * UNITS_S[match[2]] if match is not None else None
