"""Short requests of the usual form, decoded in one step by a typed JSON decoder.

Walking over a parsed document field by field takes longer than parsing it. Most requests are short and have the same
few fields, without parameters; these are decoded here. Whatever else a request has, and whatever is wrong with it, is
for `RestReader`, which reads field by field and names what it refuses.
"""

import math
from typing import Any

import msgspec
import numpy.typing as npt
import simdjson

from modelyard_serving.errors import InvalidInput
from modelyard_serving.protocol.datatypes import Datatype
from modelyard_serving.protocol.elements import arrays_in, buffered, elements
from modelyard_serving.protocol.messages import InferRequest, RequestedOutput, Tensor
from modelyard_serving.protocol.rank import checked_shape

MAX_BYTES = 4096
"""In a longer text the data outweighs the fields, and is better parsed once."""
_FIELDS_OF_INPUT = 4


class _Input(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    name: str
    datatype: Datatype
    shape: list[int]
    data: msgspec.Raw


class _Output(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    name: str


class _Request(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    inputs: list[_Input]
    id: str | None = None
    outputs: list[_Output] | None = None


class _UnusualError(Exception):
    """Data that is no list, that hides a list in another, or whose texts have brackets."""


_DECODER = msgspec.json.Decoder(_Request)


def read_regular(text: bytes, parser: simdjson.Parser) -> InferRequest | None:
    """The request, if it is of the usual form; None leaves it to a reader that knows all forms.

    Args:
        text: JSON.
        parser: for the data of one tensor at a time.
    """
    if b"\\" in text:
        return None
    try:
        decoded = _DECODER.decode(text)
        if not _is_regular(text, decoded):
            return None
        return InferRequest(
            inputs=[Tensor(one.name, one.datatype, _array(one, parser)) for one in decoded.inputs],
            id=decoded.id,
            outputs=None if decoded.outputs is None else tuple([RequestedOutput(one.name) for one in decoded.outputs]),
        )
    except (_UnusualError, msgspec.MsgspecError, InvalidInput, ValueError, RuntimeError):
        return None


def _is_regular(text: bytes, decoded: _Request) -> bool:
    """Whether each field came once: each has one colon, and a colon in a text would add to them."""
    fields = 1 + _FIELDS_OF_INPUT * len(decoded.inputs) + (decoded.id is not None)
    if decoded.outputs is not None:
        fields += 1 + len(decoded.outputs)
    return text.count(b":") == fields


def _array(tensor: _Input, parser: simdjson.Parser) -> npt.NDArray[Any]:
    shape = checked_shape(tensor.shape, tensor.name)
    data = parser.parse(tensor.data)
    if not isinstance(data, simdjson.Array):
        raise _UnusualError
    text = bytes(tensor.data)
    if text.rfind(b"[") != 0:
        if text.count(b"[") != arrays_in(data, shape):
            raise _UnusualError
        return elements(data, datatype=tensor.datatype, shape=shape, name=tensor.name)
    array = buffered(data, tensor.datatype)
    if array is not None and array.size == math.prod(shape):
        return array.reshape(shape)
    return elements(data, datatype=tensor.datatype, shape=shape, name=tensor.name)
