"""Encodes the response of an `infer` request over REST: JSON, and the binary tensors that the client requested."""

import base64
import math
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from modelyard_serving.errors import InvalidInput
from modelyard_serving.protocol.binary import encode_tensor
from modelyard_serving.protocol.datatypes import Datatype
from modelyard_serving.protocol.messages import InferRequest, InferResponse, Tensor

_OPTIONS = orjson.OPT_SERIALIZE_NUMPY
_NO_NAMES: frozenset[str] = frozenset()
_NOT_IN_JSON = (Datatype.FP16, Datatype.BF16)


def encode_response(response: InferResponse, request: InferRequest) -> tuple[bytes, int | None]:
    """The body, and how many bytes of JSON lead it when binary tensors follow (None when all is JSON).

    Raises:
        InvalidInput: an output is FP16 or BF16 and was not asked for as binary.
    """
    binary = _binary_outputs(request, response)
    blobs: list[bytes] = []
    outputs = [_output(tensor, blobs) if tensor.name in binary else _json_output(tensor) for tensor in response.outputs]
    head = _head(response, outputs)
    if not binary:
        return _dumps(head, response), None
    text = _dumps(head, response)
    return b"".join((text, *blobs)), len(text)


def _head(response: InferResponse, outputs: list[dict[str, Any]]) -> dict[str, Any]:
    head: dict[str, Any] = {"model_name": response.model_name, "model_version": response.model_version}
    if response.id is not None:
        head["id"] = response.id
    head["outputs"] = outputs
    return head


def _binary_outputs(request: InferRequest, response: InferResponse) -> frozenset[str]:
    by_default = request.parameters.get("binary_data_output") is True if request.parameters else False
    if request.outputs is None:
        return frozenset([tensor.name for tensor in response.outputs]) if by_default else _NO_NAMES
    names = [output.name for output in request.outputs if (by_default if output.binary is None else output.binary)]
    return frozenset(names) if names else _NO_NAMES


def _output(tensor: Tensor, blobs: list[bytes]) -> dict[str, Any]:
    blob = encode_tensor(tensor.array, tensor.datatype)
    blobs.append(blob)
    return {
        "name": tensor.name,
        "datatype": tensor.datatype,
        "shape": tensor.array.shape,
        "parameters": {"binary_data_size": len(blob)},
    }


def _json_output(tensor: Tensor) -> dict[str, Any]:
    datatype, array = tensor.datatype, tensor.array
    output: dict[str, Any] = {"name": tensor.name, "datatype": datatype, "shape": array.shape}
    if datatype is Datatype.BYTES:
        return output | _strings(array)
    if datatype in _NOT_IN_JSON:
        raise InvalidInput(
            f"output {tensor.name!r} is {datatype}, which JSON cannot carry: ask for it with binary_data true"
        )
    output["data"] = array.ravel()
    return output


def _strings(array: npt.NDArray[Any]) -> dict[str, Any]:
    """BYTES as strings; where one is not UTF-8 all are base64, and a parameter says so."""
    elements: list[Any] = array.ravel().tolist()
    if not any(isinstance(element, bytes) for element in elements):
        return {"data": [element if element is None else str(element) for element in elements]}
    try:
        return {"data": [element.decode() if isinstance(element, bytes) else element for element in elements]}
    except UnicodeDecodeError:
        coded = [base64.b64encode(_content(element)).decode() for element in elements]
        return {"parameters": {"content_type": "base64"}, "data": coded}


def _content(element: Any) -> bytes:
    return element if isinstance(element, bytes) else str(element).encode()


def _dumps(head: dict[str, Any], response: InferResponse) -> bytes:
    text = orjson.dumps(head, option=_OPTIONS)
    if b"null" in text and _has_infinity(response):
        for output in head["outputs"]:
            if isinstance(output.get("data"), np.ndarray):
                output["data"] = [_named(number) for number in output["data"].tolist()]
        text = orjson.dumps(head, option=_OPTIONS)
    return text


def _has_infinity(response: InferResponse) -> bool:
    """orjson writes NaN and both infinities as null; only NaN is meant by it."""
    return any(tensor.array.dtype.kind == "f" and np.isinf(tensor.array).any() for tensor in response.outputs)


def _named(number: Any) -> Any:
    if isinstance(number, float) and math.isinf(number):
        return "Infinity" if number > 0 else "-Infinity"
    return number
