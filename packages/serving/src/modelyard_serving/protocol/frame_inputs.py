"""Unambiguous forms of a frame, besides one tensor of shape [n] for each column; and an example of a valid request, for
errors."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from modelyard_serving.protocol.datatypes import Datatype
from modelyard_serving.protocol.messages import Tensor
from modelyard_serving.signature import TensorSpec

_SHOWN_INPUTS = 3


def column_of(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A column that came as [n, 1]; anything else as it is."""
    return array.reshape(-1) if array.ndim == 2 and array.shape[1] == 1 else array


def columns_of(tensor: Tensor, specs: Sequence[TensorSpec]) -> list[Tensor] | None:
    """The columns of one tensor [n, k] for a frame of k columns, in the signature's order; None where it is ambiguous:
    it has the name of a column, another width, or a datatype that does not convert safely to that of every column."""
    shape = tensor.array.shape
    names = [spec.name for spec in specs]
    if len(specs) < 2 or len(shape) != 2 or shape[1] != len(specs) or tensor.name in names:
        return None
    if not all(_becomes(tensor, spec) for spec in specs):
        return None
    return [
        Tensor(spec.name, spec.datatype, np.ascontiguousarray(tensor.array[:, index], dtype=spec.datatype.numpy_dtype))
        for index, spec in enumerate(specs)
    ]


def example_request(specs: Sequence[TensorSpec], rows: int) -> str:
    """An example of a valid request of `rows` rows, without its data."""
    inputs = [
        {"name": spec.name, "datatype": spec.datatype, "shape": _shape(spec, rows), "data": ["…"]}
        for spec in specs[:_SHOWN_INPUTS]
    ]
    text = orjson.dumps({"inputs": inputs}).decode().replace('"data":["…"]', '"data":[…]')
    return text if len(specs) <= _SHOWN_INPUTS else f"{text[:-2]},…]}}"


def _becomes(tensor: Tensor, spec: TensorSpec) -> bool:
    if tensor.datatype is spec.datatype:
        return True
    if Datatype.BYTES in (tensor.datatype, spec.datatype) or Datatype.BF16 in (tensor.datatype, spec.datatype):
        return False
    return np.can_cast(tensor.array.dtype, spec.datatype.numpy_dtype, casting="safe")


def _shape(spec: TensorSpec, rows: int) -> list[int]:
    first, *rest = spec.shape or (1,)
    return [rows if first == -1 else first, *(1 if size == -1 else size for size in rest)]
