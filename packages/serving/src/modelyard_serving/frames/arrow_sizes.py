"""How large an Arrow IPC stream says that it is, read off its messages before any of them is unpacked.

Buffers of a message may be compressed, each with its unpacked size in front; columns without any buffer have a length
all the same. So a few kilobytes can declare gigabytes. This reads the sizes from the format's flatbuffers:
https://arrow.apache.org/docs/format/Columnar.html#serialization-and-interprocess-communication-ipc
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_RECORD_BATCH, _DICTIONARY_BATCH = 3, 2
_HEADER_TYPE, _HEADER = 1, 2
_NODES, _BUFFERS, _COMPRESSION = 1, 2, 3
_DICTIONARY_DATA = 1
_PAIR = 16
"""Bytes of two whole numbers: a node's length and null count, a buffer's offset and length."""


class Malformed(ValueError):
    """A message's metadata points out of itself."""


@dataclass(frozen=True, slots=True)
class Size:
    """What one message unpacks to."""

    cells: int
    """Values of all columns and of the columns inside of them."""
    unpacked_bytes: int


def size_of(metadata: bytes, body: memoryview) -> Size:
    """The size of one message; nothing for one that carries no values.

    Raises:
        Malformed: the metadata is not what the format says.
    """
    try:
        message = _Table.root(metadata)
        batch = message.table(_HEADER)
        kind = message.byte(_HEADER_TYPE)
        if kind == _DICTIONARY_BATCH and batch is not None:
            batch = batch.table(_DICTIONARY_DATA)
        if batch is None or kind not in (_RECORD_BATCH, _DICTIONARY_BATCH):
            return Size(0, 0)
        cells = sum(length for length, _ in batch.pairs(_NODES))
        is_packed = batch.table(_COMPRESSION) is not None
        return Size(cells, sum(_unpacked(body, *buffer, is_packed=is_packed) for buffer in batch.pairs(_BUFFERS)))
    except struct.error as error:
        raise Malformed(f"the metadata of a message is cut: {error}") from error


def _unpacked(body: memoryview, offset: int, length: int, *, is_packed: bool) -> int:
    if length < 0 or offset < 0 or offset + length > len(body):
        raise Malformed("a buffer is outside of its message")
    if not is_packed or length == 0:
        return length
    (unpacked_size,) = struct.unpack_from("<q", body, offset)
    if unpacked_size < -1:
        raise Malformed("a buffer says that it unpacks to less than nothing")
    return length if unpacked_size == -1 else unpacked_size


@dataclass(frozen=True, slots=True)
class _Table:
    """A table of flatbuffers: a place, and before it the list of where its fields are."""

    data: bytes
    position: int

    @classmethod
    def root(cls, data: bytes) -> "_Table":
        return cls(data, *struct.unpack_from("<I", data, 0))

    def byte(self, field: int) -> int:
        position = self._field(field)
        return 0 if position is None else int(struct.unpack_from("<B", self.data, position)[0])

    def table(self, field: int) -> "_Table | None":
        position = self._field(field)
        return None if position is None else _Table(self.data, self._target(position))

    def pairs(self, field: int) -> Iterator[tuple[int, int]]:
        """A vector of structs of two whole numbers."""
        position = self._field(field)
        if position is None:
            return
        position = self._target(position)
        (count,) = struct.unpack_from("<I", self.data, position)
        for index in range(min(count, len(self.data) // _PAIR + 1)):
            yield struct.unpack_from("<qq", self.data, position + 4 + index * _PAIR)

    def _field(self, index: int) -> int | None:
        (back,) = struct.unpack_from("<i", self.data, self.position)
        if not 0 <= self.position - back < len(self.data):
            raise Malformed("a table's fields are outside of its message")
        (size,) = struct.unpack_from("<H", self.data, self.position - back)
        if 4 + 2 * index >= size:
            return None
        (offset,) = struct.unpack_from("<H", self.data, self.position - back + 4 + 2 * index)
        return self.position + offset if offset else None

    def _target(self, position: int) -> int:
        (offset,) = struct.unpack_from("<I", self.data, position)
        return position + int(offset)
