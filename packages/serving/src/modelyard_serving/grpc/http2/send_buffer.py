"""The send buffer of one connection: data waits in it for the peer's flow-control windows. It sends nothing itself."""

from collections import deque
from dataclasses import dataclass, field

from modelyard_serving.grpc.http2.frames import (
    DATA,
    DEFAULT_FRAME_SIZE,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    ErrorCode,
    Http2Error,
    frame,
)

DEFAULT_WINDOW = 65_535
MAX_WINDOW = 2**31 - 1


@dataclass(slots=True)
class _Waiting:
    """The unsent data of one stream, and its trailers."""

    data: deque[bytes] = field(default_factory=deque)
    size: int = 0
    trailers: bytes | None = None


class SendBuffer:
    """The sending side of one connection's streams."""

    def __init__(self) -> None:
        self.max_frame_size = DEFAULT_FRAME_SIZE
        self._initial_window = DEFAULT_WINDOW
        self._window = DEFAULT_WINDOW
        self._windows: dict[int, int] = {}
        self._waiting: dict[int, _Waiting] = {}

    def open(self, stream: int) -> None:
        """Add a stream."""
        self._windows[stream] = self._initial_window

    def close(self, stream: int) -> None:
        """Remove a stream and its data."""
        self._windows.pop(stream, None)
        self._waiting.pop(stream, None)

    def buffered_bytes(self, stream: int) -> int:
        """How many bytes of a stream wait for its window."""
        waiting = self._waiting.get(stream)
        return waiting.size if waiting else 0

    @property
    def is_idle(self) -> bool:
        """Whether the buffer is empty."""
        return not self._waiting

    def is_closed(self, stream: int) -> bool:
        """Whether a stream has sent its end, or never had one."""
        return stream not in self._windows

    def data(self, stream: int, data: bytes) -> bytes:
        """The frames that may be sent now; the rest is buffered."""
        size = len(data)
        window = self._windows[stream]
        if size <= window and size <= self._window and size <= self.max_frame_size and stream not in self._waiting:
            self._windows[stream] = window - size
            self._window -= size
            return frame(DATA, stream=stream, payload=data)
        waiting = self._waiting.setdefault(stream, _Waiting())
        waiting.data.append(data)
        waiting.size += size
        return self._pump(stream)

    def end(self, stream: int, trailers: bytes) -> bytes:
        """The frames that may be sent now, of a stream that ends with these trailers."""
        waiting = self._waiting.get(stream)
        if waiting is not None:
            waiting.trailers = trailers
            return b""
        self.close(stream)
        return frame(HEADERS, flags=END_STREAM | END_HEADERS, stream=stream, payload=trailers)

    def increase_window(self, stream: int, size: int) -> bytes:
        """The peer extended the window of one stream or of the connection (stream 0); the frames that may be sent now.

        Raises:
            Http2Error: a window would be larger than the protocol allows.
        """
        if stream and stream not in self._windows:
            return b""
        window = (self._windows[stream] if stream else self._window) + size
        if window > MAX_WINDOW:
            raise Http2Error(ErrorCode.FLOW_CONTROL_ERROR, "a window is larger than 2^31-1")
        if stream:
            self._windows[stream] = window
            return self._pump(stream) if stream in self._waiting else b""
        self._window = window
        return b"".join([self._pump(waiting) for waiting in list(self._waiting)])

    def set_initial_window(self, size: int) -> bytes:
        """The peer's setting changed the window of every stream; the frames that may be sent now."""
        change = size - self._initial_window
        self._initial_window = size
        for stream in self._windows:
            self._windows[stream] += change
            if self._windows[stream] > MAX_WINDOW:
                raise Http2Error(ErrorCode.FLOW_CONTROL_ERROR, "a window is larger than 2^31-1")
        return b"".join([self._pump(waiting) for waiting in list(self._waiting)])

    def _pump(self, stream: int) -> bytes:
        waiting = self._waiting[stream]
        frames = []
        while waiting.data and (module := min(self._windows[stream], self._window, self.max_frame_size)) > 0:
            data = waiting.data.popleft()
            if len(data) > module:
                waiting.data.appendleft(data[module:])
                data = data[:module]
            self._windows[stream] -= len(data)
            self._window -= len(data)
            waiting.size -= len(data)
            frames.append(frame(DATA, stream=stream, payload=data))
        if not waiting.data:
            del self._waiting[stream]
            if waiting.trailers is not None:
                frames.append(self.end(stream, waiting.trailers))
        return b"".join(frames)
