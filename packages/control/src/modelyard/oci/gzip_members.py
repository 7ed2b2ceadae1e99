"""Gzip streams whose bytes no compression library decides: members that hold what is already compressed, or stored.

A gzip file may be several members, one behind the other (RFC 1952, 2.2), and a reader sees their contents joined. So a
file of a wheel is put into a layer as the deflate stream that the wheel itself has (docs/decisions/
0601-layers-without-a-compressor.md), and everything else is stored in blocks that are written here.
"""

import struct
import zlib
from collections.abc import Iterator

_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
"""Deflate, no flags, no time, no level, no system."""
_MAX_STORED = 0xFFFF


def stored_member(content: bytes) -> bytes:
    """A member of these bytes, not compressed."""
    return _HEADER + b"".join(_stored_blocks(content)) + trailer(zlib.crc32(content), len(content))


def member_header() -> bytes:
    """What stands before a deflate stream."""
    return _HEADER


def trailer(crc: int, size: int) -> bytes:
    """What stands behind a deflate stream: the CRC-32 and the size of what it holds."""
    return struct.pack("<II", crc & 0xFFFFFFFF, size & 0xFFFFFFFF)


def _stored_blocks(content: bytes) -> Iterator[bytes]:
    if not content:
        yield b"\x01\x00\x00\xff\xff"
    for start in range(0, len(content), _MAX_STORED):
        piece = content[start : start + _MAX_STORED]
        is_last = start + _MAX_STORED >= len(content)
        yield struct.pack("<BHH", is_last, len(piece), len(piece) ^ 0xFFFF) + piece
