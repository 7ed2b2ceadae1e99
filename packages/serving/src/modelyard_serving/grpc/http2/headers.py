"""Header blocks (HPACK, RFC 7541): reading with the `hpack` library behind a cache, writing without any compression."""

from collections.abc import Iterable, Mapping

from hpack import Decoder
from hpack.exceptions import HPACKError

from modelyard_serving.grpc.http2.frames import ErrorCode, Http2Error

MAX_HEADER_LIST_SIZE = 16_384
_CACHED_BLOCKS = 16
_INDEXED = 0x80

Headers = Mapping[bytes, bytes]


class HeaderReader:
    """Reads the header blocks of one connection, in order.

    A client that calls the same method again sends references into the table of headers that it sent before, one byte
    each. Such a block means the same as last time as long as no other block changed the table, so it is read once.
    """

    def __init__(self) -> None:
        self._decoder = Decoder(max_header_list_size=MAX_HEADER_LIST_SIZE)
        self._known: dict[bytes, Headers] = {}

    def read(self, block: bytes) -> Headers:
        """The headers by name; of a name that came twice the last value.

        Raises:
            Http2Error: the block is not HPACK, or too large.
        """
        known = self._known.get(block)
        if known is not None:
            return known
        try:
            headers = {bytes(name): bytes(value) for name, value in self._decoder.decode(block, raw=True)}
        except (HPACKError, ValueError, IndexError) as exc:
            raise Http2Error(ErrorCode.COMPRESSION_ERROR, "a header block cannot be read") from exc
        if not all(byte & _INDEXED for byte in block) or len(self._known) >= _CACHED_BLOCKS:
            self._known.clear()
        if all(byte & _INDEXED for byte in block):
            self._known[block] = headers
        return headers


def write_headers(headers: Iterable[tuple[bytes, bytes]], *, status: int = 200) -> bytes:
    """A header block of literals that does not change the peer's table; it may be stored and sent again."""
    first = b"\x88" if status == 200 else _literal(b":status", b"%d" % status)
    return first + write_trailers(headers)


def write_trailers(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """A header block without a status."""
    return b"".join(_literal(name, value) for name, value in headers)


def _literal(name: bytes, value: bytes) -> bytes:
    return b"\x00" + _string(name) + _string(value)


def _string(text: bytes) -> bytes:
    return _integer(len(text), prefix=7) + text


def _integer(value: int, *, prefix: int) -> bytes:
    """An integer of RFC 7541, section 5.1."""
    largest = (1 << prefix) - 1
    if value < largest:
        return bytes((value,))
    encoded = bytearray((largest,))
    value -= largest
    while value >= 128:
        encoded.append(value & 127 | 128)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
