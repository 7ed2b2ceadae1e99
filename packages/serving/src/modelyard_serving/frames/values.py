"""Converts one column of values of any form to an array of a declared datatype. Errors name the row; no value is
rounded."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import orjson
import simdjson

from modelyard_serving.errors import InvalidInput
from modelyard_serving.protocol.datatypes import Datatype
from modelyard_serving.signature import TensorSpec

_WIDE: dict[str, tuple[Literal["d", "i", "u"], np.dtype[Any]]] = {
    "f": ("d", Datatype.FP64.numpy_dtype),
    "i": ("i", Datatype.INT64.numpy_dtype),
    "u": ("u", Datatype.UINT64.numpy_dtype),
}
"""How simdjson hands out an array of numbers without making a Python object of each, by the kind of their dtype."""
_BUFFERS = {
    datatype: (*_WIDE[datatype.numpy_dtype.kind], datatype.numpy_dtype)
    for datatype in Datatype
    if datatype.numpy_dtype.kind in _WIDE and datatype is not Datatype.BF16
}
_MAX_SHOWN_CHARS = 60


class WrongValue(Exception):
    """A value does not fit its column or tensor; the caller turns `index` into a position."""

    def __init__(self, *, index: int, expected: str, value: Any) -> None:
        super().__init__(f"expected {expected}, got {shown(value)}")
        self.index = index


def column(values: Any, spec: TensorSpec, *, is_flat: bool = False) -> npt.NDArray[Any]:
    """`values` (a list, a simdjson array or a 1-D array) as the column that `spec` declares.

    Args:
        is_flat: it is known that a simdjson array holds no array, so that its numbers can be read in one step.

    Raises:
        InvalidInput: a value is not of the datatype, is out of its range, or is null where null has no meaning.
    """
    try:
        return flat(values, spec, is_flat=is_flat)
    except WrongValue as error:
        raise InvalidInput(f"column {spec.name!r}, row {error.index}: {error}") from error


def flat(values: Any, spec: TensorSpec, *, is_flat: bool = False) -> npt.NDArray[Any]:
    """The same for values whose place is not a row. Raises WrongValue."""
    if isinstance(values, simdjson.Array):
        numbers = numbers_buffer(values, spec.datatype) if is_flat else None
        if numbers is not None:
            return numbers
        values = values.as_list()
    if isinstance(values, np.ndarray):
        return _from_array(values, spec)
    if spec.logical_type != "json" and _is_of_one(values):
        values = [row[0] for row in values]
    return _CHECKS.get(spec.logical_type or "", _BY_KIND[_kind(spec.datatype)])(values, spec)


def _is_of_one(values: Sequence[Any]) -> bool:
    """Whether a column came as [n, 1]: each value in an array of its own."""
    return (
        bool(values) and isinstance(values[0], list) and all(isinstance(row, list) and len(row) == 1 for row in values)
    )


def numbers_buffer(values: "simdjson.Array", datatype: Datatype) -> npt.NDArray[Any] | None:
    """All numbers under a JSON array, at any depth; None where not all are numbers of the datatype's range.

    simdjson flattens, so the caller must know that the array is regular.
    """
    if datatype not in _BUFFERS:
        return None
    code, wide, dtype = _BUFFERS[datatype]
    try:
        numbers = np.frombuffer(values.as_buffer(of_type=code), dtype=wide)
    except (TypeError, ValueError):
        return None
    if dtype is wide:
        return numbers
    return numbers.astype(dtype) if len(numbers) and _fits(numbers, dtype) else None


def infer(values: Sequence[Any], name: str) -> npt.NDArray[Any]:
    """A column without a declared datatype: numbers as numbers, booleans as such, everything else as text with None."""
    if _is_of_one(values):
        values = [row[0] for row in values]
    present = {type(value) for value in values if value is not None}
    has_missing = any(value is None for value in values)
    if present <= {int, float}:
        is_integer = present == {int} and not has_missing
        return column(values, TensorSpec(name, Datatype.INT64 if is_integer else Datatype.FP64, (-1,)))
    if present == {bool} and not has_missing:
        return np.array(values, dtype=np.bool_)
    if present <= {str, bool}:
        return _objects(values)
    kinds = ", ".join(sorted(kind.__name__ for kind in present))
    raise InvalidInput(f"column {name!r}: expected numbers, booleans or strings of one kind, got a mix of {kinds}")


def _from_array(values: npt.NDArray[Any], spec: TensorSpec) -> npt.NDArray[Any]:
    """A column that is an array already: from Arrow, Parquet or CSV."""
    dtype = spec.datatype.numpy_dtype
    if values.dtype == dtype and dtype.kind != "O":
        return np.ascontiguousarray(values)
    if dtype.kind == "f" and values.dtype.kind in "iuf" and _fits(values, dtype):
        return values.astype(dtype)
    if dtype.kind in "iu" and values.dtype.kind in "iu" and _fits(values, dtype):
        return values.astype(dtype)
    return flat(values.tolist(), spec)


def _floats(values: Sequence[Any], spec: TensorSpec) -> npt.NDArray[Any]:
    for row, value in enumerate(values):
        if value is not None and (not isinstance(value, int | float) or isinstance(value, bool)):
            raise _wrong_value(spec, row, value, "a number")
    wide = np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    dtype: np.dtype[Any] = spec.datatype.numpy_dtype
    if not _fits(wide, dtype):
        row = int(np.flatnonzero(np.isfinite(wide) & (np.abs(wide) > np.finfo(dtype).max))[0])
        raise _wrong_value(spec, row, values[row], "a number in the range")
    return wide.astype(dtype, copy=False)


def _integers(values: Sequence[Any], spec: TensorSpec) -> npt.NDArray[Any]:
    dtype: np.dtype[Any] = spec.datatype.numpy_dtype
    limits = np.iinfo(dtype)
    whole: list[int | None] = []
    for row, value in enumerate(values):
        if value is None and spec.optional:
            whole.append(None)
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
            raise _wrong_value(spec, row, value, "a whole number")
        if not limits.min <= value <= limits.max:
            raise _wrong_value(spec, row, value, f"a whole number from {limits.min} to {limits.max}")
        whole.append(int(value))
    return _objects(whole) if None in whole else np.array(whole, dtype=dtype)


def _booleans(values: Sequence[Any], spec: TensorSpec) -> npt.NDArray[Any]:
    for row, value in enumerate(values):
        if not isinstance(value, bool) and not (value is None and spec.optional):
            raise _wrong_value(spec, row, value, "true or false")
    return _objects(values) if None in values else np.array(values, dtype=np.bool_)


def _strings(values: Sequence[Any], spec: TensorSpec) -> npt.NDArray[Any]:
    for row, value in enumerate(values):
        if value is not None and not isinstance(value, str):
            raise _wrong_value(spec, row, value, "a string")
    return _objects(values)


def _binaries(values: Sequence[Any], spec: TensorSpec) -> npt.NDArray[Any]:
    decoded: list[bytes | None] = []
    for row, value in enumerate(values):
        try:
            decoded.append(
                value if value is None or isinstance(value, bytes) else base64.b64decode(value, validate=True)
            )
        except (binascii.Error, TypeError, ValueError) as error:
            raise _wrong_value(spec, row, value, "base64 text") from error
    return _objects(decoded)


def _nested(values: Sequence[Any], spec: TensorSpec) -> npt.NDArray[Any]:
    texts: list[str | None] = []
    for row, value in enumerate(values):
        try:
            texts.append(None if value is None else orjson.dumps(value).decode())
        except TypeError as error:  # Deeper than orjson goes, or bytes out of a table.
            raise _wrong_value(spec, row, type(value).__name__, "JSON of at most 250 levels") from error
    return _objects(texts)


def _objects(values: Sequence[Any]) -> npt.NDArray[Any]:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


_Check = Callable[[Sequence[Any], TensorSpec], npt.NDArray[Any]]
_CHECKS: dict[str, _Check] = {"binary": _binaries, "json": _nested}
_BY_KIND: dict[str, _Check] = {"f": _floats, "i": _integers, "u": _integers, "b": _booleans, "O": _strings}


def _kind(datatype: Datatype) -> str:
    if datatype is Datatype.BF16:
        raise InvalidInput("BF16 has no JSON form; send it as a binary tensor of the inference protocol")
    return datatype.numpy_dtype.kind


def _fits(numbers: npt.NDArray[Any], dtype: np.dtype[Any]) -> bool:
    """Whether each finite number is in the range of the narrower dtype."""
    if dtype == numbers.dtype or not len(numbers) or (dtype.kind == "f" and numbers.dtype.kind in "iu"):
        return True
    limits = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)
    finite = numbers if numbers.dtype.kind in "iu" else numbers[np.isfinite(numbers)]
    return not len(finite) or bool(finite.min() >= limits.min and finite.max() <= limits.max)


def _wrong_value(spec: TensorSpec, index: int, value: Any, expected: str) -> WrongValue:
    return WrongValue(index=index, expected=f"{expected} ({spec.datatype})", value=value)


def shown(value: Any) -> str:
    """A value of the caller's as JSON, short enough for an error's sentence."""
    try:
        text = orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY).decode()
    except TypeError:
        text = repr(value)
    return text if len(text) <= _MAX_SHOWN_CHARS else f"{text[:_MAX_SHOWN_CHARS]}…"
