"""Requests and responses of the Open Inference Protocol with binary tensors: JSON, and the elements behind it."""

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from modelyard_client.errors import Invalid, UnexpectedAnswer
from modelyard_client.transport import Stream
from modelyard_client.wire import Fields

JSON_LENGTH = "Inference-Header-Content-Length"
_SENT_BYTES = 256 * 1024
Array = npt.NDArray[Any]
_DTYPES: Mapping[str, str] = {
    "BOOL": "?",
    "UINT8": "u1",
    "UINT16": "<u2",
    "UINT32": "<u4",
    "UINT64": "<u8",
    "INT8": "i1",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
}


def dtype_of(datatype: str) -> np.dtype[Any] | None:
    """The NumPy type of a datatype's elements; None for BYTES and for what NumPy does not have."""
    name = _DTYPES.get(datatype)
    return None if name is None else np.dtype(name)


@dataclass(frozen=True, slots=True)
class InputTensor:
    """An input: an array of a fixed datatype, sent as it lies in memory, or a list of texts or of values with None."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    elements: Array | Sequence[Any]


@dataclass(frozen=True, slots=True)
class Request:
    """A body whose first `json_length` bytes are JSON. Its pieces are the columns as they lie in memory, uncopied."""

    pieces: Sequence[bytes | memoryview]
    json_length: int

    @property
    def body(self) -> bytes:
        """All of it."""
        return b"".join(self.pieces)

    @property
    def stream(self) -> Stream:
        """The same for a transport that sends it piece by piece."""
        return Stream(lambda: _cut(self.pieces), sum(map(len, self.pieces)), lambda _, __: None)

    @property
    def headers(self) -> dict[str, str]:
        """What says so."""
        return {"Content-Type": "application/octet-stream", JSON_LENGTH: str(self.json_length)}


def encode(inputs: Sequence[InputTensor], outputs: Mapping[str, bool]) -> Request:
    """The body of an `infer`.

    Args:
        outputs: the names of the wanted ones, and whether each comes as binary; empty for the default ones, as binary.

    Raises:
        Invalid: a text that has no form in UTF-8.
    """
    blobs: list[bytes | memoryview] = []
    head: dict[str, Any] = {"inputs": [_described(tensor, blobs) for tensor in inputs]}
    if outputs:
        head["outputs"] = [
            {"name": name, "parameters": {"binary_data": is_binary}} for name, is_binary in outputs.items()
        ]
    else:
        head["parameters"] = {"binary_data_output": True}
    try:
        text = json.dumps(head, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError as error:
        raise Invalid(f"expected text in UTF-8: {error.reason}", code="text_invalid", field="inputs") from error
    return Request((text, *blobs), len(text))


def decode(content: bytes, json_length: str | None) -> dict[str, Array]:
    """The outputs of a response by name. Those of a fixed datatype are views of `content` and cannot be written to.

    Raises:
        UnexpectedAnswer: it is no response of the protocol.
    """
    try:
        size = len(content) if json_length is None else int(json_length)
        answer = Fields(json.loads(content[:size]), noun="inference response")
    except ValueError as error:
        raise UnexpectedAnswer("expected an inference response", code="answer_invalid") from error
    outputs, position = {}, size
    for item in answer.items("outputs"):
        fields = Fields(item, noun="output")
        shape = tuple(fields.items("shape"))
        parameters = fields.mapping("parameters")
        length = parameters.get("binary_data_size")
        if length is None:
            outputs[fields.text("name")] = _from_json(fields, parameters, shape)
            continue
        blob = memoryview(content)[position : position + int(length)]
        position += int(length)
        outputs[fields.text("name")] = _from_binary(blob, fields.text("datatype"), shape)
    return outputs


def _cut(pieces: Sequence[bytes | memoryview]) -> Iterator[bytes]:
    """In pieces that a socket takes at once: what it leaves of a larger one is copied again by the transport."""
    for piece in pieces:
        for start in range(0, len(piece), _SENT_BYTES):
            yield bytes(piece[start : start + _SENT_BYTES])


def _described(tensor: InputTensor, blobs: list[bytes | memoryview]) -> dict[str, Any]:
    described: dict[str, Any] = {"name": tensor.name, "datatype": tensor.datatype, "shape": tensor.shape}
    if not isinstance(tensor.elements, np.ndarray):
        return described | {"data": tensor.elements}
    blob = np.ascontiguousarray(tensor.elements).reshape(-1).view(np.uint8).data
    blobs.append(blob)
    return described | {"parameters": {"binary_data_size": blob.nbytes}}


def _from_binary(blob: memoryview, datatype: str, shape: tuple[int, ...]) -> Array:
    dtype = dtype_of(datatype)
    if datatype != "BYTES" and dtype is None:
        raise UnexpectedAnswer(f"expected an output of a datatype of NumPy, got {datatype}", code="answer_invalid")
    try:
        elements = _texts(blob) if dtype is None else np.frombuffer(blob, dtype)
        return elements.reshape(shape)
    except ValueError as error:
        raise UnexpectedAnswer(f"expected an output of shape {list(shape)}: {error}", code="answer_invalid") from error


def _texts(blob: memoryview) -> Array:
    """Elements of BYTES, each behind its length."""
    found: list[str | bytes] = []
    position = 0
    while position < len(blob):
        start = position + 4
        position = start + int.from_bytes(blob[position:start], "little")
        element = bytes(blob[start:position])
        try:
            found.append(element.decode())
        except UnicodeDecodeError:
            found.append(element)
    return _objects(found)


def _from_json(fields: Fields, parameters: Mapping[str, Any], shape: tuple[int, ...]) -> Array:
    data = fields.items("data")
    if parameters.get("content_type") == "base64":
        data = [base64.b64decode(element) for element in data]
    dtype = dtype_of(fields.text("datatype"))
    return (_objects(data) if dtype is None else np.asarray(data, dtype)).reshape(shape)


def _objects(elements: Sequence[Any]) -> Array:
    array = np.empty(len(elements), dtype=object)
    array[:] = elements
    return array
