"""Finds a missing or infinite value in a request. It runs only after a model failed: such a value is then the likely
cause, and the caller can fix it."""

from typing import Any

import numpy as np
import numpy.typing as npt

from modelyard_serving.runtimes.base import Tensors


def find_missing_value(inputs: Tensors) -> str | None:
    """The first missing or infinite value, or an empty batch, as a sentence for the caller; None where there is
    neither."""
    if any(0 in array.shape for array in inputs.values()):
        return "the model does not take an empty batch: send at least one row"
    for name, array in inputs.items():
        indices = np.argwhere(_is_missing_or_infinite(array))
        if len(indices):
            index = indices[0].tolist()
            is_infinite = array.dtype.kind == "f" and np.isinf(array[tuple(index)])
            description = "an infinite value" if is_infinite else "a missing value"
            row = f" in row {index[0]}" if index else ""
            return f"the model does not take these values: input {name!r} has {description}{row}"
    return None


def _is_missing_or_infinite(array: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    if array.dtype.kind == "f":
        return np.asarray(~np.isfinite(array))
    if array.dtype.kind == "O":
        return np.array([value is None for value in array.ravel()], dtype=bool).reshape(array.shape)
    return np.zeros(array.shape, dtype=bool)
