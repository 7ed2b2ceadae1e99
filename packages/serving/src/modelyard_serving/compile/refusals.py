"""What a native model refuses, found by asking it: missing values and infinities, input by input."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from modelyard_serving.compile.errors import Untranslatable
from modelyard_serving.errors import InvalidInput
from modelyard_serving.protocol.datatypes import Datatype
from modelyard_serving.runtimes.base import Model, Tensors
from modelyard_serving.signature import Signature, TensorSpec


@dataclass(frozen=True, slots=True)
class Refusals:
    """The inputs in which the model takes no missing value, no infinity."""

    missing: tuple[str, ...]
    infinite: tuple[str, ...]

    def takes_missing(self, signature: Signature) -> list[str]:
        """The inputs that may be tried with missing values."""
        return [spec.name for spec in signature.inputs if spec.name not in self.missing and _may_be_missing(spec)]


def refusals(model: Model, example: Tensors) -> Refusals:
    """Ask the model with one row of the example, spoilt in one place at a time.

    Raises:
        Untranslatable: an array in which only some of its columns are refused, which the server could not tell.
    """
    row = {name: values[:1].copy() for name, values in example.items()}
    missing, infinite = [], []
    for spec in model.signature.inputs:
        if _may_be_missing(spec) and _refuses(model, row, spec, None):
            missing.append(spec.name)
        if spec.datatype.numpy_dtype.kind == "f" and _refuses(model, row, spec, np.inf):
            infinite.append(spec.name)
    return Refusals(missing=tuple(missing), infinite=tuple(infinite))


def _may_be_missing(spec: TensorSpec) -> bool:
    return spec.datatype.numpy_dtype.kind == "f" or spec.optional or spec.datatype is Datatype.BYTES


def _refuses(model: Model, row: Tensors, spec: TensorSpec, value: Any) -> bool:
    if spec.name not in row:
        return False
    values = row[spec.name]
    places = range(values.size)
    told = {_is_refused(model, {**row, spec.name: _spoilt(values, place, value)}) for place in places}
    if len(told) > 1:
        raise Untranslatable(f"the model refuses such values in some columns of {spec.name!r} and takes them in others")
    return told == {True}


def _spoilt(values: Any, place: int, value: Any) -> Any:
    changed = values.copy() if values.dtype.kind == "f" else values.astype(object)
    changed.reshape(-1)[place] = np.nan if value is None and values.dtype.kind == "f" else value
    return changed


def _is_refused(model: Model, row: Tensors) -> bool:
    """A row that breaks the model is no refusal: the graph may say to it what it will."""
    try:
        model.predict(row)
    except InvalidInput:
        return True
    except Exception:  # noqa: BLE001
        return False
    return False
