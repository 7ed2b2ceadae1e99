"""One HTTP/2 connection from a client: frames in, requests to a handler, responses back. It limits what a peer can make
the server compute or buffer, and closes the connection of a peer that exceeds a limit."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Protocol

from modelyard_serving.grpc.http2 import frames
from modelyard_serving.grpc.http2.frames import ErrorCode, FrameReader, Http2Error, frame
from modelyard_serving.grpc.http2.headers import MAX_HEADER_LIST_SIZE, HeaderReader, Headers
from modelyard_serving.grpc.http2.limits import ResetBudget, Signal
from modelyard_serving.grpc.http2.send_buffer import DEFAULT_WINDOW, MAX_WINDOW, SendBuffer

MAX_FRAME_SIZE = 1 << 20
MAX_STREAMS = 1000
CONNECTION_WINDOW = 1 << 24
LAST_STREAM = 2**31 - 1
STALL_TIMEOUT_S = 30.0
DRAIN_TIMEOUT_S = 1.0
"""How long to wait for the client's acknowledgement of GOAWAY, and at the end for it to close."""
_DRAIN_PING = b"finished"
"""The eight bytes of the PING that is sent behind the announcement of the end."""
_log = logging.getLogger(__name__)


class StreamHandler(Protocol):
    """The handler's side of one stream."""

    @property
    def is_incomplete(self) -> bool:
        """Whether it has begun to read something of which the rest must come soon."""

    def receive(self, data: bytes, *, is_last: bool) -> None:
        """Some bytes of the request's body; called again until `is_last`."""

    def cancel(self) -> None:
        """The client or the connection is gone: the response is not needed."""


OpenStreamHandler = Callable[["Connection", int, Headers], StreamHandler]


class Connection(asyncio.Protocol):
    """The server's side of a connection. `open_handler` makes the handler of each request."""

    def __init__(
        self,
        open_handler: OpenStreamHandler,
        *,
        loop: asyncio.AbstractEventLoop,
        stream_window: int,
        connections: set["Connection"],
        on_closed: Callable[[], None],
    ) -> None:
        self._open_handler = open_handler
        self._loop = loop
        self._stream_window = stream_window
        self._connections = connections
        self._on_closed = on_closed
        self._frame_reader = FrameReader(max_frame_size=MAX_FRAME_SIZE)
        self._headers = HeaderReader()
        self._send_buffer = SendBuffer()
        self._stream_handlers: dict[int, StreamHandler] = {}
        self._receiving: set[int] = set()
        self._last_stream = 0
        self._last_received = loop.time()
        self._unacknowledged = 0
        self._header_block: tuple[int, int, bytes] | None = None
        self._resets = ResetBudget()
        self._progress = Signal()
        self._out: list[bytes] | None = None
        self._transport: Any = None
        self._is_draining = False
        self._timer: asyncio.TimerHandle | None = None
        self._handlers: tuple[Callable[[int, int, bytes], None], ...] = (
            self._on_data,
            self._on_headers,
            self._ignore,
            self._on_reset,
            self._on_settings,
            self._on_push,
            self._on_ping,
            self._ignore,
            self._on_window,
            self._on_continuation,
        )

    @property
    def in_flight(self) -> int:
        """Requests that are not answered."""
        return len(self._stream_handlers)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: the connection is open."""
        self._transport = transport
        self._connections.add(self)
        self._send(
            frames.settings(
                {
                    frames.SETTINGS_MAX_CONCURRENT_STREAMS: MAX_STREAMS,
                    frames.SETTINGS_INITIAL_WINDOW_SIZE: self._stream_window,
                    frames.SETTINGS_MAX_FRAME_SIZE: MAX_FRAME_SIZE,
                    frames.SETTINGS_MAX_HEADER_LIST_SIZE: MAX_HEADER_LIST_SIZE,
                }
            )
            + frames.window_update(0, CONNECTION_WINDOW - DEFAULT_WINDOW)
        )

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature.
        """asyncio: the connection is closed."""
        self._connections.discard(self)
        for handler in self._stream_handlers.values():
            handler.cancel()
        self._stream_handlers.clear()
        self._send_buffer = SendBuffer()
        self._progress.set()
        if self._timer is not None:
            self._timer.cancel()
        self._on_closed()

    def data_received(self, data: bytes) -> None:
        """asyncio: bytes arrived. All direct responses to them are written in one piece."""
        self._out = []
        try:
            for kind, flags, stream, payload in self._frame_reader.feed(data):
                if self._header_block is not None:
                    self._check_continued(kind)
                if kind < len(self._handlers):
                    self._handlers[kind](flags, stream, payload)
        except Http2Error as error:
            self._fail(error)
        finally:
            out, self._out = self._out, None
            if out:
                self._transport.write(b"".join(out))

    def pause_writing(self) -> None:
        """asyncio: the client does not read its responses, so no further requests are read."""
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """asyncio: the client reads again."""
        self._transport.resume_reading()

    def send_response(self, stream: int, head: bytes, data: bytes, trailers: bytes) -> None:
        """A whole answer at once."""
        if self._send_buffer.is_closed(stream):
            return
        begin = frame(frames.HEADERS, flags=frames.END_HEADERS, stream=stream, payload=head)
        self._send(begin + self._send_buffer.data(stream, data))
        self.send_trailers(stream, trailers)

    def is_stalled(self, now: float) -> bool:
        """Whether the client has stalled in the middle of a request, or never sent the preface."""
        if now - self._last_received < STALL_TIMEOUT_S:
            return False
        return not self._frame_reader.is_begun or any(
            self._stream_handlers[stream].is_incomplete for stream in self._receiving
        )

    def send_headers(self, stream: int, block: bytes) -> None:
        """Begin an answer with this header block."""
        if not self._send_buffer.is_closed(stream):
            self._send(frame(frames.HEADERS, flags=frames.END_HEADERS, stream=stream, payload=block))

    def send_data(self, stream: int, data: bytes) -> None:
        """Bytes of an answer."""
        if not self._send_buffer.is_closed(stream):
            self._send(self._send_buffer.data(stream, data))

    def send_trailers(self, stream: int, block: bytes) -> None:
        """End an answer with this header block, which may be its only one."""
        if self._send_buffer.is_closed(stream):
            return
        self._stream_handlers.pop(stream, None)
        self._send(self._send_buffer.end(stream, block))
        if stream in self._receiving:  # The rest of the request is not wanted any more.
            self._receiving.discard(stream)
            if self._send_buffer.is_closed(stream):
                self._send(frames.rst_stream(stream, ErrorCode.NO_ERROR))
        self._close_if_done()

    def extend_window(self, stream: int, size: int) -> None:
        """Extend a stream's flow-control window by `size` bytes."""
        if stream in self._stream_handlers:
            self._send(frames.window_update(stream, size))

    async def wait_for_send_buffer(self, stream: int, size: int) -> None:
        """Wait until at most `size` bytes of a response are buffered, or the client cancels."""
        while self._send_buffer.buffered_bytes(stream) > size:
            await self._progress.wait()

    def begin_drain(self) -> None:
        """Send GOAWAY: the client opens new streams elsewhere; streams that it opens nevertheless are served."""
        self._send(frames.goaway(LAST_STREAM, ErrorCode.NO_ERROR))

    def drain(self) -> None:
        """Close after the last response. Requests that the client sent before it received GOAWAY arrive before its
        answer to a PING (RFC 9113, section 6.8)."""
        self._send(frames.goaway(LAST_STREAM, ErrorCode.NO_ERROR) + frame(frames.PING, payload=_DRAIN_PING))
        self._timer = self._loop.call_later(DRAIN_TIMEOUT_S, self._refuse_new_streams)

    def _refuse_new_streams(self) -> None:
        if self._is_draining:
            return
        self._is_draining = True
        self._send(frames.goaway(self._last_stream, ErrorCode.NO_ERROR))
        self._close_if_done()

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()

    def _send(self, data: bytes) -> None:
        if self._out is not None:
            self._out.append(data)
        elif data:
            self._transport.write(data)

    def _fail(self, error: Http2Error) -> None:
        _log.info("a gRPC connection is closed: %s", error.message)
        self._send(frames.goaway(self._last_stream, error.code, error.message))
        out, self._out = self._out or [], None
        self._transport.write(b"".join(out))
        self._transport.close()

    def _close_if_done(self) -> None:
        if self._is_draining and not self._stream_handlers and self._send_buffer.is_idle:
            self._loop.call_soon(self._half_close)

    def _half_close(self) -> None:
        """Half-close, and close when the client does: closing on bytes that it still sends would reset the connection
        and lose the last response."""
        if self._transport.is_closing():
            return
        self._transport.write_eof()
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(DRAIN_TIMEOUT_S, self._transport.close)

    def _on_data(self, flags: int, stream: int, payload: bytes) -> None:
        self._last_received = self._loop.time()
        self._acknowledge(len(payload))
        handler = self._stream_handlers.get(stream)
        if stream not in self._receiving or handler is None:
            if handler is not None or stream > self._last_stream or not stream:
                raise Http2Error(ErrorCode.STREAM_CLOSED, "data came for a stream that is not open")
            return
        if flags & frames.PADDED:
            payload = frames.unpadded(flags, payload)
        is_last = bool(flags & frames.END_STREAM)
        if is_last:
            self._receiving.discard(stream)
        handler.receive(payload, is_last=is_last)

    def _acknowledge(self, size: int) -> None:
        """Keep the connection's window open; a stream's own buffer is limited by its window."""
        self._unacknowledged += size
        if self._unacknowledged > CONNECTION_WINDOW // 2:
            self._send(frames.window_update(0, self._unacknowledged))
            self._unacknowledged = 0

    def _on_headers(self, flags: int, stream: int, payload: bytes) -> None:
        if flags & (frames.PADDED | frames.HAS_PRIORITY):
            payload = frames.unpadded(flags, payload)
            if flags & frames.HAS_PRIORITY:
                payload = payload[5:]
        if flags & frames.END_HEADERS:
            self._on_block(flags, stream, payload)
        else:
            self._header_block = (flags, stream, payload)

    def _check_continued(self, kind: int) -> None:
        if kind != frames.CONTINUATION:
            raise Http2Error(ErrorCode.PROTOCOL_ERROR, "a header block is interrupted")

    def _on_continuation(self, flags: int, stream: int, payload: bytes) -> None:
        if self._header_block is None or self._header_block[1] != stream:
            raise Http2Error(ErrorCode.PROTOCOL_ERROR, "a header block is continued that was not begun")
        first_flags, _, begun = self._header_block
        block = begun + payload
        if len(block) > MAX_HEADER_LIST_SIZE:
            raise Http2Error(ErrorCode.ENHANCE_YOUR_CALM, "a header block is too large")
        self._header_block = (first_flags, stream, block)
        if flags & frames.END_HEADERS:
            self._header_block = None
            self._on_block(first_flags, stream, block)

    def _on_block(self, flags: int, stream: int, block: bytes) -> None:
        headers = self._headers.read(block)
        is_last = bool(flags & frames.END_STREAM)
        self._last_received = self._loop.time()
        if stream in self._receiving:  # Trailers; a gRPC request has none, but they end it.
            self._receiving.discard(stream)
            self._stream_handlers[stream].receive(b"", is_last=True)
            return
        if stream <= self._last_stream or not stream % 2:
            raise Http2Error(ErrorCode.PROTOCOL_ERROR, f"stream {stream} cannot be opened now")
        self._last_stream = stream
        if len(self._stream_handlers) >= MAX_STREAMS or self._is_draining:
            self._send(frames.rst_stream(stream, ErrorCode.REFUSED_STREAM))
            return
        self._send_buffer.open(stream)
        handler = self._open_handler(self, stream, headers)
        if self._send_buffer.is_closed(stream):
            return
        self._stream_handlers[stream] = handler
        if is_last:
            handler.receive(b"", is_last=True)
        else:
            self._receiving.add(stream)

    def _on_reset(self, _flags: int, stream: int, payload: bytes) -> None:
        if len(payload) != 4:
            raise Http2Error(ErrorCode.FRAME_SIZE_ERROR, "a RST_STREAM frame has 4 bytes")
        if stream > self._last_stream or not stream:
            raise Http2Error(ErrorCode.PROTOCOL_ERROR, "a stream is reset that was never opened")
        self._resets.spend(self._loop.time())
        self._send_buffer.close(stream)
        self._receiving.discard(stream)
        handler = self._stream_handlers.pop(stream, None)
        if handler is not None:
            handler.cancel()
        self._progress.set()
        self._close_if_done()

    def _on_settings(self, flags: int, _stream: int, payload: bytes) -> None:
        if flags & frames.ACK:
            return
        if len(payload) % 6:
            raise Http2Error(ErrorCode.FRAME_SIZE_ERROR, "a SETTINGS frame has 6 bytes for each setting")
        for position in range(0, len(payload), 6):
            name = int.from_bytes(payload[position : position + 2], "big")
            self._set(name, int.from_bytes(payload[position + 2 : position + 6], "big"))
        self._send(frame(frames.SETTINGS, flags=frames.ACK))

    def _set(self, name: int, value: int) -> None:
        if name == frames.SETTINGS_INITIAL_WINDOW_SIZE:
            if value > MAX_WINDOW:
                raise Http2Error(ErrorCode.FLOW_CONTROL_ERROR, "a window is larger than 2^31-1")
            self._send(self._send_buffer.set_initial_window(value))
        elif name == frames.SETTINGS_MAX_FRAME_SIZE:
            if not frames.DEFAULT_FRAME_SIZE <= value <= frames.MAX_FRAME_SIZE_ALLOWED:
                raise Http2Error(ErrorCode.PROTOCOL_ERROR, f"frames of {value} bytes are not allowed")
            self._send_buffer.max_frame_size = min(value, MAX_FRAME_SIZE)

    def _on_push(self, _flags: int, _stream: int, _payload: bytes) -> None:
        raise Http2Error(ErrorCode.PROTOCOL_ERROR, "a client cannot push")

    def _on_ping(self, flags: int, _stream: int, payload: bytes) -> None:
        if len(payload) != 8:
            raise Http2Error(ErrorCode.FRAME_SIZE_ERROR, "a PING frame has 8 bytes")
        if not flags & frames.ACK:
            self._send(frame(frames.PING, flags=frames.ACK, payload=payload))
        elif payload == _DRAIN_PING and self._timer is not None:
            self._refuse_new_streams()

    def _on_window(self, _flags: int, stream: int, payload: bytes) -> None:
        size = int.from_bytes(payload, "big") & MAX_WINDOW
        if len(payload) != 4 or not size:
            raise Http2Error(ErrorCode.PROTOCOL_ERROR, "a WINDOW_UPDATE frame has 4 bytes and is not 0")
        self._send(self._send_buffer.increase_window(stream, size))
        self._progress.set()
        self._close_if_done()

    def _ignore(self, _flags: int, _stream: int, _payload: bytes) -> None:
        """PRIORITY means nothing here, and a client's GOAWAY is followed by its closing."""
