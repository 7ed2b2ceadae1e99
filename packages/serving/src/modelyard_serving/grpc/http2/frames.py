"""The frames of HTTP/2: their kinds and flags, how they are written, and how they are read out of a stream of bytes."""

from collections.abc import Iterator
from enum import IntEnum

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEAD_SIZE = 9
DEFAULT_FRAME_SIZE = 16_384
MAX_FRAME_SIZE_ALLOWED = 2**24 - 1

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM = ACK = 0x1
END_HEADERS = 0x4
PADDED = 0x8
HAS_PRIORITY = 0x20

SETTINGS_HEADER_TABLE_SIZE = 0x1
SETTINGS_MAX_CONCURRENT_STREAMS = 0x3
SETTINGS_INITIAL_WINDOW_SIZE = 0x4
SETTINGS_MAX_FRAME_SIZE = 0x5
SETTINGS_MAX_HEADER_LIST_SIZE = 0x6


class ErrorCode(IntEnum):
    """Why a stream or a connection ends (RFC 9113, section 7)."""

    NO_ERROR = 0
    PROTOCOL_ERROR = 1
    INTERNAL_ERROR = 2
    FLOW_CONTROL_ERROR = 3
    STREAM_CLOSED = 5
    FRAME_SIZE_ERROR = 6
    REFUSED_STREAM = 7
    CANCEL = 8
    COMPRESSION_ERROR = 9
    ENHANCE_YOUR_CALM = 11


class Http2Error(Exception):
    """The peer broke the protocol so that the whole connection must end."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


Frame = tuple[int, int, int, bytes]
"""One frame as it came: kind, flags, stream, payload."""


class FrameReader:
    """Cuts what comes on a connection into frames, after the preface that a client begins with."""

    def __init__(self, *, max_frame_size: int) -> None:
        self._max_frame_size = max_frame_size
        self._rest = bytearray()
        self._needed = len(PREFACE)
        self.is_begun = False

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that are whole now.

        Raises:
            Http2Error: no preface came, or a frame is larger than was allowed.
        """
        if self._rest:
            self._rest += data
            if len(self._rest) < self._needed:
                return
            data = bytes(self._rest)
            self._rest.clear()
        position = 0
        if not self.is_begun:
            position = self._begin(data)
        size = len(data)
        while (end := position + HEAD_SIZE) <= size:
            length = int.from_bytes(data[position : position + 3], "big")
            if length > self._max_frame_size:
                raise Http2Error(ErrorCode.FRAME_SIZE_ERROR, f"a frame of {length} bytes is too large")
            if end + length > size:
                break
            stream = int.from_bytes(data[position + 5 : end], "big") & 0x7FFFFFFF
            yield data[position + 3], data[position + 4], stream, data[end : end + length]
            position = end + length
        if position < size:
            self._keep(data, position)

    def _begin(self, data: bytes) -> int:
        if not PREFACE.startswith(data[: len(PREFACE)]):
            raise Http2Error(ErrorCode.PROTOCOL_ERROR, "the connection does not begin as HTTP/2 does")
        if len(data) < len(PREFACE):
            self._rest += data
            return len(data)
        self.is_begun = True
        return len(PREFACE)

    def _keep(self, data: bytes, position: int) -> None:
        """Keep a frame that is not whole, and how many bytes make it so."""
        self._rest += data[position:]
        self._needed = HEAD_SIZE
        if len(self._rest) >= HEAD_SIZE:
            self._needed += int.from_bytes(self._rest[:3], "big")


def frame(kind: int, *, flags: int = 0, stream: int = 0, payload: bytes = b"") -> bytes:
    """One frame as it is written."""
    return (len(payload) << 48 | kind << 40 | flags << 32 | stream).to_bytes(HEAD_SIZE, "big") + payload


def settings(values: dict[int, int]) -> bytes:
    """A SETTINGS frame."""
    payload = b"".join(name.to_bytes(2, "big") + value.to_bytes(4, "big") for name, value in values.items())
    return frame(SETTINGS, payload=payload)


def window_update(stream: int, size: int) -> bytes:
    """A WINDOW_UPDATE frame: so many bytes more may come."""
    return frame(WINDOW_UPDATE, stream=stream, payload=size.to_bytes(4, "big"))


def rst_stream(stream: int, code: ErrorCode) -> bytes:
    """A RST_STREAM frame."""
    return frame(RST_STREAM, stream=stream, payload=code.to_bytes(4, "big"))


def goaway(last_stream: int, code: ErrorCode, message: str = "") -> bytes:
    """A GOAWAY frame: streams after `last_stream` are not looked at."""
    payload = last_stream.to_bytes(4, "big") + code.to_bytes(4, "big") + message.encode()
    return frame(GOAWAY, payload=payload)


def unpadded(flags: int, payload: bytes) -> bytes:
    """The payload of a DATA or HEADERS frame without its padding.

    Raises:
        Http2Error: the padding is longer than the frame.
    """
    if not flags & PADDED:
        return payload
    if not payload or payload[0] >= len(payload):
        raise Http2Error(ErrorCode.PROTOCOL_ERROR, "the padding is longer than its frame")
    return payload[1 : len(payload) - payload[0]]
