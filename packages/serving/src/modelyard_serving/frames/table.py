"""From a payload to the tensors that a signature asks for. Names, numbers of columns and lengths are checked here."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import simdjson

from modelyard_serving.errors import InvalidInput
from modelyard_serving.frames.arrays import check_shape, tensor
from modelyard_serving.frames.payload import Columns, Payload, Rows, by_column, plain
from modelyard_serving.frames.values import column, infer
from modelyard_serving.protocol.datatypes import Datatype
from modelyard_serving.runtimes.base import Tensors
from modelyard_serving.signature import DEFAULT_INPUT, InputKind, Signature, TensorSpec

_Arrays = dict[str, npt.NDArray[Any]]


def to_tensors(payload: Payload, signature: Signature) -> Tensors:
    """The model's inputs.

    Raises:
        InvalidInput: a column or tensor is unknown, missing, of another type, shape or length; or there are no rows.
    """
    tensors = _assembled(payload, signature)
    lengths = {name: len(values) for name, values in tensors.items()}
    if len(set(lengths.values())) > 1:
        lengths_text = ", ".join(f"{name!r} has {length}" for name, length in list(lengths.items())[:5])
        raise InvalidInput(f"all inputs need the same number of rows: {lengths_text}")
    if not tensors or not next(iter(lengths.values())):
        raise InvalidInput("expected at least one row, got none")
    return tensors


def _assembled(payload: Payload, signature: Signature) -> _Arrays:
    if isinstance(payload, Rows) and payload.names is not None and signature.kind is not InputKind.FRAME:
        payload = Columns(by_column(payload.names, plain(payload.values)))
    if not signature.inputs:
        return _unknown(payload)
    if signature.kind is InputKind.FRAME:
        if isinstance(payload, Columns):
            payload = _rows_of_one_tensor(payload, signature.inputs)
        columns = payload if isinstance(payload, Columns) else _named(payload, signature.inputs)
        return _frame(columns, signature)
    if isinstance(payload, Rows):
        return _sole(payload, signature)
    if len(signature.inputs) == 1 and signature.inputs[0].name not in payload.values:
        return _side_by_side(payload, signature)
    _check_names(payload.values, signature.inputs)
    arrays = payload.arrays if len(payload.values) == 1 else 0
    return {
        spec.name: tensor(payload.values[spec.name], spec, arrays=arrays, checks_shape=signature.is_declared)
        for spec in signature.inputs
        if spec.name in payload.values
    }


def _rows_of_one_tensor(payload: Columns, specs: Sequence[TensorSpec]) -> Payload:
    """Rows under one name that is no column's, for a frame of several columns: they cannot be a column."""
    if len(payload.values) != 1 or len(specs) < 2:
        return payload
    ((name, value),) = payload.values.items()
    if any(spec.name == name for spec in specs) or not isinstance(value, simdjson.Array | list):
        return payload
    is_nested = len(value) and isinstance(value[0], simdjson.Array | list) and len(value[0]) == len(specs)
    return Rows(value, payload.arrays) if is_nested else payload


def _frame(columns: Columns, signature: Signature) -> _Arrays:
    values = columns.values
    _check_names(values, signature.inputs)
    for spec in signature.inputs:
        if spec.name in columns.absent and not spec.optional:
            raise InvalidInput(f"row {columns.absent[spec.name]}: missing input {spec.name!r}")
    if not signature.is_declared:
        return {spec.name: _inferred(values[spec.name], spec.name) for spec in signature.inputs}
    is_flat = columns.arrays == len(values)
    return {
        spec.name: column(values[spec.name], spec, is_flat=is_flat) for spec in signature.inputs if spec.name in values
    }


def _named(payload: Rows, specs: Sequence[TensorSpec]) -> Columns:
    """Columns of rows; without names these are in the signature's order."""
    names = payload.names or tuple(spec.name for spec in specs)
    if len({spec.datatype for spec in specs}) == 1 and specs[0].datatype.numpy_dtype.kind in "fiu":
        matrix = _matrix(payload, specs[0].datatype, width=len(names))
        if matrix is not None and len(set(names)) == len(names):
            return Columns(dict(zip(names, matrix, strict=True)))
    return Columns(by_column(names, plain(payload.values)))


def _matrix(payload: Rows, datatype: Datatype, *, width: int) -> npt.NDArray[Any] | None:
    """Columns of rows of plain numbers, in one step; None where the slow way has to say what is wrong."""
    if not isinstance(payload.values, simdjson.Array):
        return None
    try:
        rows = tensor(payload.values, TensorSpec("rows", datatype, (-1, width)), arrays=payload.arrays)
    except InvalidInput:
        return None
    return np.ascontiguousarray(rows.T)


def _sole(payload: Rows, signature: Signature) -> _Arrays:
    if len(signature.inputs) > 1:
        names = [spec.name for spec in signature.inputs]
        raise InvalidInput(f"'inputs': the model takes several inputs; expected an object with {names}, got an array")
    spec = signature.inputs[0]
    checks_shape = signature.is_declared or spec.shape[-1] != -1
    return {spec.name: tensor(payload.values, spec, arrays=payload.arrays, checks_shape=checks_shape)}


def _side_by_side(payload: Columns, signature: Signature) -> _Arrays:
    """Columns for a model that was fitted on a plain array: it has no names for them, so their order counts."""
    spec = signature.inputs[0]
    width = spec.shape[1] if len(spec.shape) == 2 else 0
    if not width or width not in (-1, len(payload.values)) or spec.datatype.numpy_dtype.kind not in "fiub":
        expected = f"{spec.name!r} of shape {list(spec.shape)}" + (f", or {width} columns" if width > 0 else "")
        raise InvalidInput(f"'inputs': expected {expected}, got the columns {_listed(payload.values)}")
    is_flat = payload.arrays == len(payload.values)
    arrays = [
        column(values, TensorSpec(name, spec.datatype, (-1,)), is_flat=is_flat)
        for name, values in payload.values.items()
    ]
    if len({len(array) for array in arrays}) != 1:
        return dict(zip(payload.values, arrays, strict=True))
    matrix = np.stack(arrays, axis=1)
    check_shape(matrix.shape, spec)
    return {spec.name: matrix}


def _unknown(payload: Payload) -> _Arrays:
    """Inputs for a model of which nothing is known: columns as they come, or one array of numbers."""
    if isinstance(payload, Columns):
        return {name: _inferred(values, name) for name, values in payload.values.items()}
    spec = TensorSpec(DEFAULT_INPUT, _datatype_of_rows(payload), (-1,))
    return {DEFAULT_INPUT: tensor(payload.values, spec, checks_shape=False)}


def _datatype_of_rows(payload: Rows) -> Datatype:
    value = payload.values
    while isinstance(value, list | simdjson.Array) and len(value):
        value = value[0]
    return Datatype.BYTES if isinstance(value, str) else Datatype.FP64


def _inferred(values: Any, name: str) -> npt.NDArray[Any]:
    return values if isinstance(values, np.ndarray) else infer(plain(values), name)


def _check_names(values: Mapping[str, Any], specs: Sequence[TensorSpec]) -> None:
    names = {spec.name for spec in specs}
    if unknown := [name for name in values if name not in names]:
        raise InvalidInput(f"unknown input {unknown[0]!r}; expected {_listed(spec.name for spec in specs)}")
    if missing := [spec.name for spec in specs if spec.name not in values and not spec.optional]:
        raise InvalidInput(f"missing input {_listed(missing)}")


def _listed(names: Any) -> str:
    shown = [repr(name) for name in names]
    return ", ".join(shown) if len(shown) <= 40 else f"{', '.join(shown[:40])} and {len(shown) - 40} more"
