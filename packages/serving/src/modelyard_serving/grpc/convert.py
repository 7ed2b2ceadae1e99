"""Converts the protocol's gRPC messages to and from its transport-free requests and responses. It rejects what cannot
be a tensor; the signature is checked elsewhere."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from modelyard_serving.errors import InvalidInput
from modelyard_serving.protocol.binary import as_bytes, decode_tensor, encode_tensor
from modelyard_serving.protocol.datatypes import Datatype
from modelyard_serving.protocol.elements import text_or_bytes
from modelyard_serving.protocol.messages import (
    NO_PARAMETERS,
    InferRequest,
    InferResponse,
    Parameters,
    RequestedOutput,
    Tensor,
)
from modelyard_serving.protocol.proto import open_inference_pb2 as pb
from modelyard_serving.protocol.rank import check_rank

_MAX_INT64 = 2**63 - 1
_DATATYPES: dict[str, Datatype] = {str(datatype): datatype for datatype in Datatype}
_FIELDS: dict[Datatype, str] = {
    Datatype.BOOL: "bool_contents",
    Datatype.INT8: "int_contents",
    Datatype.INT16: "int_contents",
    Datatype.INT32: "int_contents",
    Datatype.INT64: "int64_contents",
    Datatype.UINT8: "uint_contents",
    Datatype.UINT16: "uint_contents",
    Datatype.UINT32: "uint_contents",
    Datatype.UINT64: "uint64_contents",
    Datatype.FP32: "fp32_contents",
    Datatype.FP64: "fp64_contents",
    Datatype.BYTES: "bytes_contents",
}
_FIXED_SIZE = (Datatype.BOOL, Datatype.FP32, Datatype.FP64)
"""Datatypes whose typed form is, behind its head, the very bytes of the array."""
_LENGTH_DELIMITED = 2


def read_request(message: pb.ModelInferRequest) -> InferRequest:
    """The request that a message holds.

    Raises:
        InvalidInput: a tensor cannot be read; the message names it.
    """
    raw = message.raw_input_contents
    if raw:
        _check_raw(message)
        inputs = [_input(tensor, content) for tensor, content in zip(message.inputs, raw, strict=True)]
    else:
        inputs = [_input(tensor, None) for tensor in message.inputs]
    return InferRequest(
        inputs=inputs,
        id=message.id or None,
        parameters=_parameters(message.parameters),
        outputs=tuple(_output(output) for output in message.outputs) if message.outputs else None,
    )


def write_response(response: InferResponse, *, is_raw: bool) -> bytes:
    """The answer's message, in the form of its request; FP16 and BF16 have only the raw one."""
    is_raw = is_raw or any(tensor.datatype not in _FIELDS for tensor in response.outputs)
    message = pb.ModelInferResponse(model_name=response.model_name, model_version=response.model_version)
    if response.id is not None:
        message.id = response.id
    for tensor in response.outputs:
        output = message.outputs.add(name=tensor.name, datatype=tensor.datatype, shape=tensor.array.shape)
        if is_raw:
            message.raw_output_contents.append(encode_tensor(tensor.array, tensor.datatype))
        else:
            _write_contents(output.contents, tensor)
    return bytes(message.SerializeToString())


def _check_raw(message: pb.ModelInferRequest) -> None:
    raw, inputs = len(message.raw_input_contents), len(message.inputs)
    if raw != inputs:
        raise InvalidInput(f"raw_input_contents must have one entry for each of {inputs} inputs, not {raw}")
    for tensor in message.inputs:
        if tensor.HasField("contents"):
            raise InvalidInput(f"input {tensor.name!r} has contents beside raw_input_contents: send one of them")


def _input(tensor: Any, raw: bytes | None) -> Tensor:
    name = tensor.name
    if not name:
        raise InvalidInput("each input needs a name")
    datatype = _DATATYPES.get(tensor.datatype)
    if datatype is None:
        raise InvalidInput(f"input {name!r}: datatype must be one of {', '.join(Datatype)}, not {tensor.datatype!r}")
    check_rank(len(tensor.shape), name)
    shape = tuple(tensor.shape)
    count = math.prod(shape)
    if min(shape, default=0) < 0:
        raise InvalidInput(f"input {name!r}: each dimension of shape must be at least 0, not {list(shape)}")
    if count > _MAX_INT64:
        raise InvalidInput(f"input {name!r}: shape {list(shape)} has too many elements")
    if raw is not None:
        return Tensor(name, datatype, decode_tensor(raw, datatype=datatype, shape=shape, name=name))
    array = _read_contents(tensor.contents, datatype=datatype, name=name)
    if array.size != count:
        raise InvalidInput(f"input {name!r}: shape {list(shape)} needs {count} elements, but {array.size} came")
    return Tensor(name, datatype, array.reshape(shape))


def _read_contents(contents: pb.InferTensorContents, *, datatype: Datatype, name: str) -> npt.NDArray[Any]:
    field = _FIELDS.get(datatype)
    if field is None:
        raise InvalidInput(f"input {name!r} is {datatype}, which has no typed contents: send raw_input_contents")
    present = [descriptor.name for descriptor, _ in contents.ListFields()]
    if present and present != [field]:
        raise InvalidInput(f"input {name!r} is {datatype}: expected {field}, not {', '.join(present)}")
    values = getattr(contents, field)
    if datatype in _FIXED_SIZE:
        return _packed(contents, datatype) if values else np.empty(0, datatype.numpy_dtype)
    if datatype is Datatype.BYTES:
        return _objects([text_or_bytes(value) for value in values])
    return _integers(values, datatype=datatype, name=name)


def _packed(contents: pb.InferTensorContents, datatype: Datatype) -> npt.NDArray[Any]:
    """The array out of the bytes of its message, whose one field is packed: a tag, a length, and the elements."""
    data = contents.SerializeToString()
    start = 1
    while data[start] & 0x80:
        start += 1
    return np.frombuffer(data, datatype.numpy_dtype, offset=start + 1)


def _integers(values: Any, *, datatype: Datatype, name: str) -> npt.NDArray[Any]:
    dtype = datatype.numpy_dtype
    if dtype.itemsize == 8:
        return np.fromiter(values, dtype, len(values))
    wide = np.fromiter(values, np.int64, len(values))
    limits = np.iinfo(dtype)  # type: ignore[type-var]  # Its kind is an integer's.
    out_of_range = (wide < limits.min) | (wide > limits.max)
    if out_of_range.any():
        index = int(out_of_range.argmax())
        bounds = f"a whole number from {limits.min} to {limits.max} ({datatype})"
        raise InvalidInput(f"input {name!r}: element {index} must be {bounds}, not {wide[index]}")
    return wide.astype(dtype)


def _objects(values: list[str | bytes]) -> npt.NDArray[Any]:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def _output(output: Any) -> RequestedOutput:
    if not output.name:
        raise InvalidInput("each of outputs needs a name")
    parameters = _parameters(output.parameters)
    classification = parameters.get("classification", 0)
    if isinstance(classification, bool) or not isinstance(classification, int) or classification < 0:
        raise InvalidInput(f"output {output.name!r}: classification must be a whole number of at least 0")
    return RequestedOutput(output.name, classification=classification)


def _parameters(parameters: Any) -> Parameters:
    if not parameters:
        return NO_PARAMETERS
    bounds = {}
    for name, parameter in parameters.items():
        choice = parameter.WhichOneof("parameter_choice")
        if choice is not None:
            bounds[name] = getattr(parameter, choice)
    return bounds


def _write_contents(contents: pb.InferTensorContents, tensor: Tensor) -> None:
    if not tensor.array.size:
        return
    field = _FIELDS[tensor.datatype]
    if tensor.datatype in _FIXED_SIZE:
        data = encode_tensor(tensor.array, tensor.datatype)
        number = contents.DESCRIPTOR.fields_by_name[field].number
        contents.MergeFromString(bytes((number << 3 | _LENGTH_DELIMITED,)) + _varint(len(data)) + data)
        return
    convert: Callable[[Any], Any] = as_bytes if tensor.datatype is Datatype.BYTES else int
    getattr(contents, field).extend([convert(value) for value in tensor.array.ravel().tolist()])


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
