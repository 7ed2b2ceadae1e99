"""Binary tensors: little-endian, row-major elements; BYTES as a length of four bytes and the content. It takes no
memory before the sizes agree."""

import math
import struct
from typing import Any

import numpy as np
import numpy.typing as npt

from modelyard_serving.errors import InvalidInput
from modelyard_serving.protocol.datatypes import Datatype
from modelyard_serving.protocol.elements import text_or_bytes

_LENGTH = struct.Struct("<I")


def decode_tensor(
    content: memoryview | bytes, *, datatype: Datatype, shape: tuple[int, ...], name: str
) -> npt.NDArray[Any]:
    """The array of one binary tensor, a read-only view of `content` where the datatype allows it.

    Raises:
        InvalidInput: the size is not what shape and datatype need, or a BYTES element runs over the end.
    """
    count = math.prod(shape)
    if datatype is Datatype.BYTES:
        return _decode_bytes(memoryview(content), count=count, shape=shape, name=name)
    size = datatype.size or 0
    if len(content) != count * size:
        raise InvalidInput(
            f"input {name!r}: shape {list(shape)} of {datatype} needs {count * size} bytes, but {len(content)} came"
        )
    array = np.frombuffer(content, datatype.numpy_dtype)
    if datatype is Datatype.BOOL and array.view(np.uint8).max(initial=0) > 1:
        raise InvalidInput(f"input {name!r}: each byte of a BOOL must be 0 or 1")
    try:
        return array.reshape(shape)
    except ValueError as error:
        raise InvalidInput(f"input {name!r}: shape {list(shape)} is too large") from error


def encode_tensor(array: npt.NDArray[Any], datatype: Datatype) -> bytes:
    """The elements of an array as they travel."""
    if datatype is not Datatype.BYTES:
        return array.astype(datatype.numpy_dtype, copy=False).tobytes()
    parts: list[bytes] = []
    for element in array.ravel():
        content = as_bytes(element)
        parts += (_LENGTH.pack(len(content)), content)
    return b"".join(parts)


def as_bytes(element: Any) -> bytes:
    """A BYTES element's content; a missing one is empty."""
    if isinstance(element, bytes):
        return element
    return b"" if element is None else str(element).encode()


def _decode_bytes(content: memoryview, *, count: int, shape: tuple[int, ...], name: str) -> npt.NDArray[Any]:
    if count * _LENGTH.size > len(content):
        raise InvalidInput(
            f"input {name!r}: shape {list(shape)} of BYTES needs {count} elements, but {len(content)} bytes came"
        )
    array = np.empty(count, dtype=object)
    position = 0
    for index in range(count):
        start = position + _LENGTH.size
        if start > len(content):
            raise InvalidInput(f"input {name!r}: element {index} of {count} is missing")
        position = start + _LENGTH.unpack_from(content, position)[0]
        if position > len(content):
            raise InvalidInput(f"input {name!r}: element {index} runs over the end of its {len(content)} bytes")
        array[index] = text_or_bytes(bytes(content[start:position]))
    if position != len(content):
        raise InvalidInput(f"input {name!r}: {len(content) - position} bytes are left after its {count} elements")
    return array.reshape(shape)
