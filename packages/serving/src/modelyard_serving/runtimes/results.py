"""From what a model's library returns to tensors by output name. It knows no library but NumPy and asks no model."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from modelyard_serving.protocol.datatypes import Datatype
from modelyard_serving.signature import DEFAULT_OUTPUT, TensorSpec


def named_outputs(prediction: Any, specs: Sequence[TensorSpec], *, casts: bool = True) -> dict[str, npt.NDArray[Any]]:
    """Arrays by output name.

    `casts` says whether the outputs have the declared datatypes where that is safe.

    A mapping and a frame of several columns name their own outputs; anything else is the one output of the signature
    (or `predictions` where it has none).
    """
    known = {spec.name: spec for spec in specs} if casts else {}
    if len(specs) > 1 and getattr(prediction, "ndim", 0) == 2 and not hasattr(prediction, "columns"):
        prediction = _by_column(prediction, specs)
    if isinstance(prediction, Mapping):
        return {str(name): as_tensor(values, known.get(str(name))) for name, values in prediction.items()}
    names = {spec.name for spec in specs}
    if hasattr(prediction, "columns") and (len(prediction.columns) > 1 or str(prediction.columns[0]) in names):
        return {str(name): as_tensor(prediction[name], known.get(str(name))) for name in prediction.columns}
    if hasattr(prediction, "columns"):
        prediction = prediction.iloc[:, 0]
    name = specs[0].name if specs else DEFAULT_OUTPUT
    return {name: as_tensor(prediction, known.get(name))}


def _by_column(prediction: Any, specs: Sequence[TensorSpec]) -> Any:
    """The columns of an array for outputs that were declared one by one."""
    array = prediction.toarray() if hasattr(prediction, "toarray") else prediction
    if array.shape[1] != len(specs):
        return prediction
    return {spec.name: array[:, index] for index, spec in enumerate(specs)}


def as_tensor(values: Any, spec: TensorSpec | None = None) -> npt.NDArray[Any]:
    """One output as a C-contiguous array of a dtype that the protocol carries; the declared one where that is safe."""
    array = _array(values)
    if spec is None or spec.datatype is Datatype.BYTES:
        return np.ascontiguousarray(array) if array.ndim else array.reshape(1)
    dtype = spec.datatype.numpy_dtype
    if array.dtype.kind != "O" and np.can_cast(array.dtype, dtype, "safe"):
        array = array.astype(dtype)
    return np.ascontiguousarray(array) if array.ndim else array.reshape(1)


def _array(values: Any) -> npt.NDArray[Any]:
    if hasattr(values, "toarray"):  # A sparse matrix of multi-label predictions.
        values = values.toarray()
    array = np.asarray(values)
    if array.dtype.kind in "mM":
        return np.datetime_as_string(array).astype(object)
    return array.astype(object) if array.dtype.kind in "SU" else array
