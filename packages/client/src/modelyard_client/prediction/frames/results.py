"""Outputs of a model as Series and DataFrames, with the names of the outputs and the index of the rows."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from modelyard_client.errors import Invalid, UnexpectedAnswer
from modelyard_client.prediction.frames.wire import Array

Outputs = Mapping[str, Array]


def joined(parts: Sequence[Outputs]) -> Outputs:
    """The outputs of consecutive rows as those of all of them."""
    if len(parts) == 1:
        return parts[0]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def pandas_of(outputs: Outputs, index: "pd.Index[Any]") -> "pd.Series[Any] | pd.DataFrame":
    """One output of a value a row is a Series of its name; several are a DataFrame.

    In that, an output [n, k] is k columns `<name>.0` to `<name>.<k-1>`.
    """
    own = {name: array if array.flags.writeable else array.copy() for name, array in outputs.items()}
    columns = columns_of(own, len(index))
    if len(outputs) == 1 and columns.keys() == outputs.keys():
        ((name, column),) = columns.items()
        return pd.Series(column, index=index, name=name)
    return pd.DataFrame(columns, index=index)


def columns_of(outputs: Outputs, rows: int) -> dict[str, Array]:
    """Each output as a column, or as the columns that `pandas_of` says.

    Raises:
        Invalid: an output is no table.
        UnexpectedAnswer: an output has not a value for each row.
    """
    columns: dict[str, Array] = {}
    for name, array in outputs.items():
        found = _flat(array, name, rows)
        columns |= {name: found} if found.ndim == 1 else {f"{name}.{k}": found[:, k] for k in range(found.shape[1])}
    return columns


def probabilities_of(array: Array, index: "pd.Index[Any]") -> pd.DataFrame:
    """A column for each class, in the order of the classifier's `classes_`."""
    return pd.DataFrame(_flat(array, "probabilities", len(index)).reshape(len(index), -1).copy(), index=index)


def _flat(array: Array, name: str, rows: int) -> Array:
    """A column, or a table of columns."""
    if array.ndim == 0 or array.shape[0] != rows:
        raise UnexpectedAnswer(
            f"output {name!r}: expected a value for each of {rows} rows, got shape {list(array.shape)}",
            code="answer_invalid",
        )
    if array.ndim > 2:
        raise Invalid(
            f"output {name!r} of shape {list(array.shape)} is no column; Predictor.predict gives it as lists",
            code="output_unsupported",
            field="outputs",
        )
    return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array
