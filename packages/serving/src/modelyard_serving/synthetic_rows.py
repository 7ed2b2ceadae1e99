"""Makes synthetic rows in the form of a model's inputs: to probe its outputs, to warm it up, and to measure its batch
curve where no example came with its files. They are never shown."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from modelyard_serving.protocol.datatypes import Datatype
from modelyard_serving.runtimes.base import AcceptsSyntheticRows, Model, Tensors
from modelyard_serving.signature import Signature, TensorSpec

COUNT = 4
_MAX_ROW_ELEMENTS = 1_000_000
"""The most elements of one input's row; a larger one (a volume, say) would cost more than it is worth."""
_TEXTS = {"datetime": "2024-01-0{}T12:00:00", "json": "{}", "binary": "{}"}


def probe_rows(model: Model, example: Tensors | None) -> Tensors | None:
    """A few rows, the example's first, different from each other where the model accepts synthetic rows; None where
    there is no example and none can be made. The model may reject some of them."""
    if example is not None and all(array.shape and len(array) for array in example.values()):
        first = {name: array[:COUNT] for name, array in example.items()}
        is_alone = all(len(array) == 1 for array in first.values())
        return _perturb(first) if is_alone and isinstance(model, AcceptsSyntheticRows) else first
    if example is not None or not isinstance(model, AcceptsSyntheticRows):
        return None
    return _synthesize(model.signature, model.known_texts)


def split_rows(rows: Tensors) -> list[Tensors]:
    """Each row by itself; none where the tensors differ in rows."""
    counts = {len(array) for array in rows.values()}
    if len(counts) != 1:
        return []
    return [{name: array[row : row + 1] for name, array in rows.items()} for row in range(counts.pop())]


def _synthesize(signature: Signature, texts: Mapping[str, Sequence[Any]]) -> Tensors | None:
    columns = {spec.name: _input(spec, texts) for spec in signature.inputs if not spec.optional}
    if not columns or any(values is None for values in columns.values()):
        return None
    return {name: values for name, values in columns.items() if values is not None}


def _input(spec: TensorSpec, texts: Mapping[str, Sequence[Any]]) -> npt.NDArray[Any] | None:
    """The rows of one input; None where the shape of a row is not known."""
    row = spec.shape[1:]
    if not spec.shape or spec.shape[0] not in (-1, COUNT) or -1 in row or np.prod(row, dtype=float) > _MAX_ROW_ELEMENTS:
        return None
    if spec.datatype is Datatype.BYTES:
        known = list(texts.get(spec.name, ())) or [_TEXTS.get(spec.logical_type or "", "text {}").format(1)]
        values = np.empty((COUNT, *row), dtype=object)
        for index in range(COUNT):
            values[index, ...] = known[index % len(known)]
        return values
    dtype = spec.datatype.numpy_dtype
    columns = np.arange(int(np.prod(row, dtype=int))).reshape(1, *row)
    steps = np.arange(COUNT).reshape(-1, *([1] * len(row)))
    if dtype.kind == "f":  # Between 0 and 2, other columns in other orders: what takes a logarithm takes these too.
        return (0.25 + (steps + columns) % COUNT * 0.5).astype(dtype)
    return ((steps + columns) % 2).astype(dtype)


def _perturb(one: Tensors) -> Tensors:
    """One row repeated, with its floating-point numbers slightly changed in the copies."""
    perturbed = {}
    for name, array in one.items():
        repeated = np.concatenate([array] * COUNT)
        if array.dtype.kind == "f":
            offsets = np.arange(COUNT, dtype=array.dtype).reshape(-1, *([1] * (array.ndim - 1)))
            repeated = np.ascontiguousarray(repeated * (1 + offsets / 8), dtype=array.dtype)
        perturbed[name] = repeated
    return perturbed
