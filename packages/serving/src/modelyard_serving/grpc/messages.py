"""Messages in the body of a gRPC request or response, and the memory that they may take."""

import zlib
from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from modelyard_serving.errors import InvalidInput, Kind, ServingError

PREFIX_SIZE = 5
WINDOW_BITS = {b"gzip": 31, b"deflate": 15}
_LEVEL = 1
Parsed = TypeVar("Parsed", bound=Message)


class RequestMemory:
    """The memory of all incomplete requests."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.reserved = 0

    def reserve(self, size: int) -> None:
        """Reserve `size` bytes.

        Raises:
            ServingError: of kind BUSY, when that is more than may be held.
        """
        if self.reserved + size > self._limit:
            raise ServingError(f"requests of more than {self._limit} bytes are on their way", kind=Kind.BUSY)
        self.reserved += size

    def release(self, size: int) -> None:
        """Release `size` bytes."""
        self.reserved -= size


class Messages:
    """Cuts a request's body into messages: a flag, a length of four bytes, and the message."""

    def __init__(self, *, encoding: bytes | None, limit: int, memory: RequestMemory) -> None:
        self._encoding = encoding
        self._limit = limit
        self._memory = memory
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that are whole now.

        Raises:
            ServingError: a message is too large, or cannot be unpacked.
        """
        if not self._rest and len(data) >= PREFIX_SIZE and len(data) == PREFIX_SIZE + self._length(data):
            return [self._decompressed(data[0], data[PREFIX_SIZE:])]
        self._memory.reserve(len(data))
        self._rest += data
        messages = []
        while len(self._rest) >= PREFIX_SIZE and len(self._rest) >= (end := PREFIX_SIZE + self._length(self._rest)):
            messages.append(self._decompressed(self._rest[0], bytes(self._rest[PREFIX_SIZE:end])))
            del self._rest[:end]
            self._memory.release(end)
        return messages

    @property
    def is_whole(self) -> bool:
        """Whether no incomplete message is buffered."""
        return not self._rest

    def close(self) -> None:
        """Discard the incomplete message."""
        self._memory.release(len(self._rest))
        self._rest = bytearray()

    def _length(self, data: bytes | bytearray) -> int:
        length = int.from_bytes(data[1:PREFIX_SIZE], "big")
        if length > self._limit:
            raise ServingError(f"the message has {length} bytes, at most {self._limit} are taken", kind=Kind.TOO_LARGE)
        return length

    def _decompressed(self, flag: int, data: bytes) -> bytes:
        if not flag:
            return data
        bits = WINDOW_BITS.get(self._encoding or b"")
        if bits is None:
            raise InvalidInput("the message is compressed, but grpc-encoding does not say how")
        decompressor = zlib.decompressobj(bits)
        try:
            message = decompressor.decompress(data, self._limit)
        except zlib.error as exc:
            raise InvalidInput("the message is not compressed as grpc-encoding says") from exc
        if decompressor.unconsumed_tail:
            raise ServingError(f"the message unpacks to more than {self._limit} bytes", kind=Kind.TOO_LARGE)
        if not decompressor.eof:
            raise InvalidInput("the compressed message is cut")
        return message


def frame_message(message: bytes) -> bytes:
    """A message as it travels, not compressed."""
    return b"\x00" + len(message).to_bytes(4, "big") + message


def compressed(message: bytes, encoding: bytes) -> bytes:
    """A message as it travels, compressed as `encoding` of `WINDOW_BITS` says."""
    compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, WINDOW_BITS[encoding])
    data = compressor.compress(message) + compressor.flush()
    return b"\x01" + len(data).to_bytes(4, "big") + data


def parse_message(kind: type[Parsed], data: bytes) -> Parsed:
    """A message out of its bytes.

    Raises:
        InvalidInput: they are none.
    """
    try:
        message: Parsed = kind.FromString(data)
    except (DecodeError, RuntimeError) as error:
        raise InvalidInput(f"the bytes are no {kind.DESCRIPTOR.name}") from error
    return message
