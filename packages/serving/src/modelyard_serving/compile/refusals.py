"""Which inputs a native model refuses, found by calling it: missing values and infinities, input by input and, where
the columns of an array differ (a selector may drop one), column by column."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from modelyard_serving.protocol.datatypes import Datatype
from modelyard_serving.runtimes.base import Model, Tensors
from modelyard_serving.signature import Signature, TensorSpec


@dataclass(frozen=True, slots=True)
class Refusals:
    """The inputs in which the model takes no missing value, no infinity."""

    missing: tuple[str, ...]
    infinite: tuple[str, ...]
    missing_columns: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Of an array that is refused in some of its columns only: which ones."""
    infinite_columns: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def takes_missing(self, signature: Signature) -> list[str]:
        """The inputs that may be tried with missing values."""
        return [spec.name for spec in signature.inputs if spec.name not in self.missing and _may_be_missing(spec)]


def refusals(model: Model, example: Tensors) -> Refusals:
    """Call the model with one row of the example, with one value replaced at a time."""
    row = {name: values[:1].copy() for name, values in example.items()}
    specs = [spec for spec in model.signature.inputs if spec.name in row]
    missing = {spec.name: _refused(model, row, spec, None) for spec in specs if _may_be_missing(spec)}
    infinite = {spec.name: _refused_infinities(model, row, spec) for spec in specs if _is_real(spec)}
    return Refusals(
        missing=_fully_refused(missing, row),
        infinite=_fully_refused(infinite, row),
        missing_columns=_partly_refused(missing, row),
        infinite_columns=_partly_refused(infinite, row),
    )


def _fully_refused(refused: Mapping[str, tuple[int, ...]], row: Tensors) -> tuple[str, ...]:
    return tuple(name for name, indices in refused.items() if indices and len(indices) == row[name].size)


def _partly_refused(refused: Mapping[str, tuple[int, ...]], row: Tensors) -> dict[str, tuple[int, ...]]:
    return {name: indices for name, indices in refused.items() if 0 < len(indices) < row[name].size}


def _may_be_missing(spec: TensorSpec) -> bool:
    return _is_real(spec) or spec.optional or spec.datatype is Datatype.BYTES


def _refused(model: Model, row: Tensors, spec: TensorSpec, value: Any) -> tuple[int, ...]:
    """The places of the input in which the model refuses such a value."""
    values = row[spec.name]
    return tuple(
        index
        for index in range(values.size)
        if _is_refused(model, {**row, spec.name: _with_value(values, index, value)}, row)
    )


def _refused_infinities(model: Model, row: Tensors, spec: TensorSpec) -> tuple[int, ...]:
    """The columns in which it refuses both infinities. An infinity that a function makes finite (`exp` of the negative
    one) is left to the graph."""
    positive, negative = (_refused(model, row, spec, value) for value in (np.inf, -np.inf))
    return tuple(index for index in positive if index in negative)


def _is_real(spec: TensorSpec) -> bool:
    return spec.datatype.numpy_dtype.kind == "f"


def _with_value(values: Any, index: int, value: Any) -> Any:
    changed = values.copy() if values.dtype.kind == "f" else values.astype(object)
    changed.reshape(-1)[index] = np.nan if value is None and values.dtype.kind == "f" else value
    return changed


def _is_refused(model: Model, modified: Tensors, whole: Tensors) -> bool:
    """Whether the model refuses the modified row, or fails on it: the graph must not answer such a row.

    The row is predicted together with an unmodified one, because a frame's column that holds only missing texts loses
    its text dtype.
    """
    try:
        model.predict({name: np.concatenate([values, modified[name]]) for name, values in whole.items()})
    except Exception:  # noqa: BLE001
        return True
    return False
