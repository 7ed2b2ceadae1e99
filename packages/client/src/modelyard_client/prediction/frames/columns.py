"""Columns of a DataFrame as the tensors that a model declares. A value is sent as what it is or refused: none is
rounded, cut off, or parsed out of text.

| declared | taken | missing (`NaN`, `None`, `NA`, `NaT`) |
|---|---|---|
| FP64, FP32, FP16 | floats and whole numbers that the datatype holds, also in columns of objects and categories | NaN |
| INT8 … UINT64 | whole numbers in range; floats that are whole, as pandas has them beside missing values | null |
| BOOL | booleans | null |
| BYTES | text; dates and times as ISO 8601; lists and dicts as JSON; categories as their text | null |

A model takes null where its column is optional, and as missing text.
"""

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import date, datetime, time
from typing import Any

import numpy as np
import pandas as pd

from modelyard_client.errors import Invalid
from modelyard_client.prediction.frames.wire import Array, InputTensor, dtype_of
from modelyard_client.prediction.rows import check_unique
from modelyard_client.prediction.schema import Schema, Tensor

_EXACT = 2**53
"""Up to here a float of 64 bits holds every whole number."""


def tensors_of(frame: pd.DataFrame, schema: Schema) -> list[InputTensor]:
    """The inputs for these rows.

    Args:
        frame: n rows, with a column for each input of the model, in any order; of a model that takes one array as many
            columns as that is wide, in its order, whatever they are called.

    Raises:
        Invalid: no row, a column that the model does not take, or a value that is none of its column's datatype; the
            message names the column and the position of the row, which counts from 0.
    """
    if frame.empty:
        raise Invalid("expected at least one row and one column", code="inputs_invalid", field="inputs")
    names = [str(name) for name in frame.columns]
    check_unique(names)
    if schema.is_array:
        return [_array(frame, names, schema.inputs[0])]
    declared = {tensor.name: tensor for tensor in schema.inputs}
    if declared and (extra := [name for name in names if name not in declared]):
        expected = ", ".join(map(repr, declared))
        raise Invalid(
            f"the model does not take column {extra[0]!r}: expected {expected}", code="column_unknown", field=extra[0]
        )
    columns = zip(names, (column for _, column in frame.items()), strict=True)
    return [_column(column, name, declared.get(name) or _guessed(column, name)) for name, column in columns]


def _array(frame: pd.DataFrame, names: Sequence[str], declared: Tensor) -> InputTensor:
    """All columns as one tensor [n, columns]."""
    width = declared.shape[-1]
    if len(declared.shape) != 2 or width not in {-1, len(names)}:
        expected = f"an array of shape {list(declared.shape)}"
        raise Invalid(f"the model takes {expected}, got {len(names)} columns", code="inputs_invalid", field="inputs")
    series = (column for _, column in frame.items())
    columns = [_elements(column, name, declared.datatype) for name, column in zip(names, series, strict=True)]
    shape = (len(frame), len(names))
    if all(isinstance(column, np.ndarray) for column in columns):
        return InputTensor(declared.name, declared.datatype, shape, np.column_stack(columns))
    rows = [element for row in zip(*columns, strict=True) for element in row]
    return InputTensor(declared.name, declared.datatype, shape, rows)


def _column(column: "pd.Series[Any]", name: str, declared: Tensor) -> InputTensor:
    return InputTensor(name, declared.datatype, (len(column),), _elements(column, name, declared.datatype))


def _guessed(column: "pd.Series[Any]", name: str) -> Tensor:
    """A column of a model that declares nothing goes as what it is."""
    kinds = {"f": "FP64", "i": "INT64", "u": "UINT64", "b": "BOOL"}
    return Tensor(name, kinds.get(getattr(column.dtype, "kind", "O"), "BYTES"), (-1,))


def _elements(column: "pd.Series[Any]", name: str, datatype: str) -> Array | list[Any]:
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(column.cat.categories.dtype if datatype != "BYTES" else object)
    if datatype == "BYTES":
        return _texts(column, name)
    dtype = dtype_of(datatype)
    if dtype is None:
        raise Invalid(f"column {name!r}: {datatype} has no form in NumPy", code="datatype_unknown", field=name)
    if dtype.kind == "b":
        return _booleans(column, name)
    return _floats(column, name, dtype, datatype) if dtype.kind == "f" else _whole(column, name, dtype, datatype)


def _floats(column: "pd.Series[Any]", name: str, dtype: np.dtype[Any], datatype: str) -> Array:
    values = _numbers(column, name, datatype)
    if values.dtype.kind in "iu":
        limit = _EXACT if dtype.itemsize == 8 else 2 ** (np.finfo(dtype).nmant + 1)
        _refuse((values > limit) | (values < -limit if values.dtype.kind == "i" else False), values, name, datatype)
    with np.errstate(over="ignore"):
        converted = values.astype(dtype, copy=False)
    if dtype.itemsize < 8 and values.dtype.kind == "f":
        _refuse(np.isinf(converted) & ~np.isinf(values), values, name, datatype)
    return converted


def _whole(column: "pd.Series[Any]", name: str, dtype: np.dtype[Any], datatype: str) -> Array | list[Any]:
    values, bounds = _numbers(column, name, datatype), np.iinfo(dtype)
    if values.dtype.kind in "iu":
        _refuse((values < bounds.min) | (values > bounds.max), values, name, datatype)
        return values.astype(dtype, copy=False)
    missing = np.isnan(values)
    is_whole = np.equal(np.mod(values, 1), 0) & (np.abs(values) <= _EXACT)
    _refuse(~missing & ~(is_whole & (values >= bounds.min) & (values <= bounds.max)), values, name, datatype)
    if not missing.any():
        return values.astype(dtype)
    return [None if is_missing else int(value) for value, is_missing in zip(values, missing, strict=True)]


def _numbers(column: "pd.Series[Any]", name: str, datatype: str) -> Array:
    """Whole numbers where all are, otherwise floats with NaN for what is missing."""
    if column.dtype == object:
        return _numbers_of_objects(column, name, datatype)
    kind = getattr(column.dtype, "kind", "O")
    if kind not in "iuf":
        raise _unexpected(name, datatype, str(column.dtype))
    if isinstance(column.dtype, np.dtype):
        return np.asarray(column.to_numpy())
    if not column.hasnans:  # Numbers that pandas keeps beside a mask, or that Arrow holds.
        return np.asarray(column.to_numpy(dtype=f"{kind}8"))
    return _numbers_of_objects(column.astype(object), name, datatype)


def _numbers_of_objects(column: "pd.Series[Any]", name: str, datatype: str) -> Array:
    _each(column, name, datatype, lambda value: isinstance(value, int | float | np.number) and not _is_truth(value))
    is_missing = column.isna().to_numpy()
    present = column[~is_missing].tolist()
    are_whole = all(isinstance(value, int | np.integer) for value in present)
    if are_whole and not is_missing.any():
        with suppress(OverflowError):
            return np.array(present, dtype="i8" if min(present) < 0 else "u8")
    floats = np.full(len(column), np.nan)
    floats[~is_missing] = present
    if are_whole:
        _refuse(np.abs(floats) > _EXACT, column.to_numpy(dtype="O"), name, datatype)
    return floats


def _booleans(column: "pd.Series[Any]", name: str) -> Array | list[Any]:
    if column.dtype == object:
        _each(column, name, "BOOL", _is_truth)
    elif getattr(column.dtype, "kind", "O") != "b":
        raise _unexpected(name, "BOOL", str(column.dtype))
    if not column.hasnans:
        return np.asarray(column.to_numpy(dtype=bool))
    return [None if value is None else bool(value) for value in column.astype(object).where(column.notna(), None)]


def _texts(column: "pd.Series[Any]", name: str) -> list[Any]:
    """Text with None for what is missing."""
    kind = getattr(column.dtype, "kind", "O")
    if kind == "M":
        return _times(column)
    if column.dtype != object and not pd.api.types.is_string_dtype(column.dtype):
        raise _unexpected(name, "BYTES", str(column.dtype))
    values: list[Any] = column.astype(object).where(column.notna(), None).tolist()
    if pd.api.types.infer_dtype(values, skipna=True) in {"string", "empty"}:
        return values
    return [None if value is None else _text(value, name, row) for row, value in enumerate(values)]


def _text(value: Any, name: str, row: int) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, list | dict | np.ndarray):
        return json.dumps(value, default=lambda array: array.tolist(), ensure_ascii=False)
    raise Invalid(f"column {name!r}, row {row}: expected text (BYTES), got {value!r}", code="cell_invalid", field=name)


def _times(column: "pd.Series[Any]") -> list[str | None]:
    """ISO 8601 to the nanosecond where there are any; with an offset where the column has a zone."""
    zone = getattr(column.dtype, "tz", None)
    moments = column.dt.tz_convert("UTC").dt.tz_localize(None) if zone is not None else column
    values = moments.to_numpy(dtype="datetime64[ns]")
    is_whole = not (values[~np.isnat(values)].astype("i8") % 1000).any()
    texts = np.datetime_as_string(values, unit="us" if is_whole else "ns").tolist()
    suffix = "" if zone is None else "+00:00"
    return [None if text == "NaT" else text + suffix for text in texts]


def _each(column: "pd.Series[Any]", name: str, datatype: str, is_good: Callable[[Any], bool]) -> None:
    """Raises Invalid for the first value of a column of objects that is neither good nor missing."""
    for row, (value, is_missing) in enumerate(zip(column, column.isna(), strict=True)):
        if not is_missing and not is_good(value):
            raise Invalid(
                f"column {name!r}, row {row}: expected {_expected(datatype)}, got {value!r}",
                code="cell_invalid",
                field=name,
            )


def _refuse(is_wrong: Array, values: Array, name: str, datatype: str) -> None:
    """Raises Invalid for the first wrong value."""
    if is_wrong.any():
        row = int(np.argmax(is_wrong))
        raise Invalid(
            f"column {name!r}, row {row}: expected {_expected(datatype)}, got {values[row]!r}",
            code="cell_invalid",
            field=name,
        )


def _unexpected(name: str, datatype: str, dtype: str) -> Invalid:
    message = f"column {name!r}: expected {_expected(datatype)}, got a column of {dtype}"
    return Invalid(message, code="column_invalid", field=name)


def _expected(datatype: str) -> str:
    kind = "text" if datatype == "BYTES" else "true or false" if datatype == "BOOL" else "a number"
    return f"{'a whole number' if 'INT' in datatype else kind} ({datatype})"


def _is_truth(value: Any) -> bool:
    return isinstance(value, bool | np.bool_)
