"""Reads the body of an `infer` request over REST: JSON, followed by binary tensors if the header says so. It reads what
the client declares; `RequestValidator` checks it against the model."""

import json
import math
from types import MappingProxyType
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import simdjson

from modelyard_serving.errors import InvalidInput
from modelyard_serving.protocol.binary import decode_tensor
from modelyard_serving.protocol.datatypes import Datatype
from modelyard_serving.protocol.elements import arrays_in, check_leaves, describe_value, elements, text_or_bytes
from modelyard_serving.protocol.messages import (
    NO_PARAMETERS,
    InferRequest,
    Parameters,
    RequestedOutput,
    Tensor,
)
from modelyard_serving.protocol.rank import checked_shape
from modelyard_serving.protocol.regular_request import MAX_BYTES, read_regular
from modelyard_serving.signature import Signature

_REUSED_PARSER_BYTES = 1024 * 1024
"""A parser keeps buffers of the largest document that it saw; a larger one gets a parser of its own."""
_LONG_BYTES = 4096
_ALL_BINARY: Parameters = MappingProxyType({"binary_data_output": True})
_DATATYPES: dict[Any, Datatype] = {str(datatype): datatype for datatype in Datatype}


class RestReader:
    """Reads infer requests. It owns one JSON parser, so it is used by one thread at a time."""

    def __init__(self) -> None:
        self._parser = simdjson.Parser()

    def read(self, body: bytes, *, json_length: int | None = None) -> InferRequest:
        """The request in `body`: all of it JSON, or `json_length` bytes of JSON and then the binary tensors.

        Raises:
            InvalidInput: it is not JSON, a field is missing or has the wrong form, or sizes disagree.
        """
        text = body if json_length is None else body[:json_length]
        if len(body) <= MAX_BYTES and json_length is None and (regular := read_regular(text, self._parser)) is not None:
            return regular
        reading = _Reading(None if json_length is None else _Blob(memoryview(body)[json_length:]))
        request = reading.request(self._parse(text))
        reading.check_is_complete(text)
        return request

    def _parse(self, text: bytes) -> Any:
        if len(text) > _REUSED_PARSER_BYTES:
            return _parsed(simdjson.Parser(), text)
        try:
            return _parsed(self._parser, text)
        except _ParserIsHeldError:
            self._parser = simdjson.Parser()
            return _parsed(self._parser, text)


class _ParserIsHeldError(Exception):
    """The parser's document of an earlier request is still referenced, so the parser cannot be reused."""


def _parsed(parser: simdjson.Parser, text: bytes) -> Any:
    try:
        return parser.parse(text)
    except UnicodeDecodeError as error:
        raise InvalidInput("the body is not UTF-8") from error
    except ValueError as error:
        return _with_named_floats(text, error)
    except RuntimeError as error:
        if "re-use" in str(error):
            raise _ParserIsHeldError from error
        raise InvalidInput(f"the body is not JSON that is read here: {_reason(error)}") from error


def _with_named_floats(text: bytes, error: ValueError) -> Any:
    """Bare NaN and Infinity are not JSON, but Triton's clients write them: then, and only then, Python reads it."""
    if b"NaN" in text or b"Infinity" in text:
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            pass
    raise InvalidInput(f"the body is not JSON: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """simdjson's own sentence, without the code before it."""
    return str(error).split(": ", 1)[-1]


def read_raw(body: bytes, signature: Signature) -> InferRequest:
    """A request whose whole body is the one input, binary; all outputs are wanted binary. The input's one variable
    dimension is what the body's size makes it; a BYTES input is one element, and the body its content.

    Raises:
        InvalidInput: the model has not one input, or more than one variable dimension, or the size does not fit.
    """
    if len(signature.inputs) != 1:
        raise InvalidInput(f"a raw binary request needs a model of one input: this one has {len(signature.inputs)}")
    spec = signature.inputs[0]
    if spec.datatype is Datatype.BYTES:
        content = np.array([text_or_bytes(body)], dtype=object).reshape([1] * len(spec.shape))
        return InferRequest([Tensor(spec.name, spec.datatype, content)], parameters=_ALL_BINARY)
    if spec.shape.count(-1) > 1:
        raise InvalidInput(f"a raw binary request needs at most one variable dimension: {spec.name!r} has more")
    fixed = math.prod(dimension for dimension in spec.shape if dimension != -1) * (spec.datatype.size or 1)
    variable, rest = divmod(len(body), fixed) if fixed else (0, len(body))
    if rest:
        raise InvalidInput(f"input {spec.name!r}: {len(body)} bytes are not a multiple of {fixed}")
    shape = tuple(variable if dimension == -1 else dimension for dimension in spec.shape)
    array = decode_tensor(body, datatype=spec.datatype, shape=shape, name=spec.name)
    return InferRequest([Tensor(spec.name, spec.datatype, array)], parameters=_ALL_BINARY)


class _Blob:
    """The binary tensors behind the JSON, taken from the front in order."""

    def __init__(self, content: memoryview) -> None:
        self._content = content

    def take(self, size: int, name: str) -> memoryview:
        if size > len(self._content):
            raise InvalidInput(f"input {name!r}: expecting {size - len(self._content)} additional bytes of binary data")
        part, self._content = self._content[:size], self._content[size:]
        return part

    def check_is_empty(self) -> None:
        if len(self._content):
            raise InvalidInput(f"unexpected additional input data: {len(self._content)} bytes after the last tensor")


class _Fields:
    """The fields of a JSON object. simdjson takes 50 times as long to miss a field as to find one, so it is not asked
    for what is not there."""

    __slots__ = ("_holder", "_names")

    def __init__(self, holder: Any) -> None:
        self._holder = holder
        self._names = tuple(holder)

    def get(self, name: str) -> Any:
        return self._holder[name] if name in self._names else None


class _Reading:
    """One request on its way from a parsed document; it counts what it has seen."""

    __slots__ = ("_arrays", "_blob", "_data")

    def __init__(self, blob: _Blob | None) -> None:
        self._blob = blob
        self._data: list[tuple[str, Any, tuple[int, ...]]] = []
        self._arrays = 1

    def request(self, document: Any) -> InferRequest:
        if not isinstance(document, (simdjson.Object, dict)):
            raise InvalidInput("the body must be a JSON object with inputs")
        fields = _Fields(document)
        inputs = fields.get("inputs")
        if not isinstance(inputs, (simdjson.Array, list)):
            raise InvalidInput("inputs must be a list of tensors" if inputs is not None else "inputs is missing")
        identity = fields.get("id")
        if identity is not None and not isinstance(identity, str):
            raise InvalidInput("id must be a string")
        outputs = fields.get("outputs")
        self._arrays += outputs is not None
        return InferRequest(
            inputs=[self._input(tensor) for tensor in inputs],
            id=identity,
            parameters=_parameters(fields, "the request"),
            outputs=None if outputs is None else _outputs(outputs),
        )

    def check_is_complete(self, text: bytes) -> None:
        """Check that no bytes are left, and that no tensor element is a list: the number of arrays must match. Where
        there are more (in a string, or an unknown field), every element is checked."""
        if self._blob is not None:
            self._blob.check_is_empty()
        if _count_arrays(text) != self._arrays:
            for name, data, shape in self._data:
                check_leaves(data, shape, name=name)

    def _input(self, tensor: Any) -> Tensor:
        if not isinstance(tensor, (simdjson.Object, dict)):
            raise InvalidInput("each of inputs must be an object")
        fields = _Fields(tensor)
        name = fields.get("name")
        if not isinstance(name, str):
            raise InvalidInput("each input needs a name, a string")
        declared = fields.get("datatype")
        datatype = _DATATYPES.get(declared) if isinstance(declared, str) else None
        if datatype is None:
            raise InvalidInput(
                f"input {name!r}: datatype must be one of {', '.join(Datatype)}, not {describe_value(declared)}"
            )
        shape = _shape(fields.get("shape"), name)
        self._arrays += 1
        data = fields.get("data")
        parameters = _parameters(fields, "input", name)
        if parameters and (size := parameters.get("binary_data_size")) is not None:
            if data is not None:
                raise InvalidInput(f"input {name!r} has both data and binary_data_size: send one of them")
            return Tensor(name, datatype, self._binary(size, datatype=datatype, shape=shape, name=name))
        if data is None:
            raise InvalidInput(f"input {name!r}: data is missing")
        is_base64 = bool(parameters) and parameters.get("content_type") == "base64"
        array = elements(data, datatype=datatype, shape=shape, name=name, is_base64=is_base64)
        self._arrays += arrays_in(data, shape)
        self._data.append((name, data, shape))
        return Tensor(name, datatype, array)

    def _binary(self, size: Any, *, datatype: Datatype, shape: tuple[int, ...], name: str) -> npt.NDArray[Any]:
        if self._blob is None:
            raise InvalidInput(f"input {name!r} is binary: the header Inference-Header-Content-Length is missing")
        if isinstance(size, bool) or not isinstance(size, int) or size < 0:
            raise InvalidInput(
                f"input {name!r}: binary_data_size must be a whole number of at least 0, not {describe_value(size)}"
            )
        return decode_tensor(self._blob.take(size, name), datatype=datatype, shape=shape, name=name)


def _count_arrays(text: bytes) -> int:
    """How many brackets open. CPython counts byte by byte; for a long text NumPy takes a tenth of the time."""
    if len(text) < _LONG_BYTES:
        return text.count(b"[")
    return int(np.count_nonzero(np.frombuffer(text, np.uint8) == ord("[")))


def _shape(value: Any, name: str) -> tuple[int, ...]:
    if isinstance(value, simdjson.Array):
        value = value.as_list()
    if not isinstance(value, list):
        raise InvalidInput(f"input {name!r}: shape must be a list of whole numbers")
    return checked_shape(value, name)


def _outputs(outputs: Any) -> tuple[RequestedOutput, ...]:
    if not isinstance(outputs, (simdjson.Array, list)):
        raise InvalidInput("outputs must be a list")
    return tuple([_output(output) for output in outputs])


def _output(output: Any) -> RequestedOutput:
    fields = _Fields(output) if isinstance(output, (simdjson.Object, dict)) else None
    if fields is None or not isinstance(name := fields.get("name"), str):
        raise InvalidInput("each of outputs must be an object with a name, a string")
    parameters = _parameters(fields, "output", name)
    if not parameters:
        return RequestedOutput(name)
    binary = parameters.get("binary_data")
    if binary is not None and not isinstance(binary, bool):
        raise InvalidInput(f"output {name!r}: binary_data must be true or false")
    classification = parameters.get("classification", 0)
    if isinstance(classification, bool) or not isinstance(classification, int) or classification < 0:
        raise InvalidInput(f"output {name!r}: classification must be a whole number of at least 0")
    return RequestedOutput(name, binary, classification)


def _parameters(fields: _Fields, owner: str, name: str | None = None) -> Parameters:
    parameters = fields.get("parameters")
    if parameters is None:
        return NO_PARAMETERS
    if not isinstance(parameters, (simdjson.Object, dict)):
        field = owner if name is None else f"{owner} {name!r}"
        raise InvalidInput(f"parameters of {field} must be an object")
    values: Any = parameters.as_dict() if isinstance(parameters, simdjson.Object) else parameters
    return cast("Parameters", values)
