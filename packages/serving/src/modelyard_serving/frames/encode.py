"""Encodes the response of `/predict` and `/invocations`."""

import base64
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from modelyard_serving.runtimes.base import Tensors
from modelyard_serving.signature import Signature

_OPTIONS = orjson.OPT_SERIALIZE_NUMPY


def encode_predictions(outputs: Tensors, signature: Signature) -> bytes:
    """`{"predictions": …}` with the model's first output; `"outputs"` by name too where there is any other.

    NaN and infinities have no JSON form and are null; bytes are base64 text.
    """
    default = signature.outputs[0].name if signature.outputs else next(iter(outputs))
    if len(outputs) == 1 and default in outputs:
        return orjson.dumps({"predictions": _jsonable(outputs[default])}, option=_OPTIONS)
    values = {name: _jsonable(array) for name, array in outputs.items()}
    answer = {"predictions": values[default]} if default in values else {}
    return orjson.dumps({**answer, "outputs": values}, option=_OPTIONS)


def _jsonable(array: npt.NDArray[Any]) -> Any:
    if array.dtype == object:
        return _texts(array.tolist())
    if array.dtype == np.float16:
        return array.astype(np.float32)
    return array if array.flags.c_contiguous else np.ascontiguousarray(array)


def _texts(value: Any) -> Any:
    if isinstance(value, list):
        return [_texts(child) for child in value]
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value
