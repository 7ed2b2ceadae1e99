"""From a request's tensors to the pandas frame that a model was trained on. pandas is imported by the first builder."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from modelyard_serving.errors import InvalidInput, MissingExtra
from modelyard_serving.protocol.datatypes import Datatype
from modelyard_serving.runtimes.base import Tensors
from modelyard_serving.signature import TensorSpec

_Column = npt.NDArray[Any]
Categories = Mapping[str, Sequence[Any]]
"""The categories of a frame's columns, in the order of their codes, by the column's name."""


class FrameBuilder:
    """Builds frames with the columns, labels and dtypes of one signature.

    Dtypes are those that MLflow's own scoring gives a model: `integer` is int32, `long` int64, `float` float32,
    `double` float64, `datetime` datetime64[ns]. A missing string is NaN, as pandas reads it from a file. A column of
    integers with missing values becomes float64 with NaN.
    """

    def __init__(
        self,
        specs: Sequence[TensorSpec],
        *,
        labels: Sequence[str | int],
        fill_absent: bool = True,
        categories: Categories | None = None,
    ) -> None:
        """
        Args:
            labels: of the columns, as the model saw them.
            fill_absent: an optional column that a request leaves out is passed as a column of missing values.
            categories: of the columns that the model takes as pandas categories.
        """
        try:
            import pandas as pd  # noqa: PLC0415  # A server of a network or a graph never needs it.
        except ImportError as error:
            raise MissingExtra(extra="frames", needed_for="a model that takes a frame") from error
        self._pandas = pd
        self._specs = tuple(specs)
        self._labels = dict(zip((spec.name for spec in specs), labels, strict=True))
        self._index = pd.Index(list(labels)) if labels else None
        self._fill_absent = fill_absent
        self._categories = {name: pd.Index(values) for name, values in (categories or {}).items()}
        # One block of doubles is built and read far faster than columns one by one.
        self._is_matrix = bool(specs) and all(spec.datatype is Datatype.FP64 and not spec.optional for spec in specs)

    def build(self, inputs: Tensors) -> Any:
        """A `pandas.DataFrame` of the inputs.

        Raises:
            InvalidInput: a datetime, binary or nested value does not parse; the message names column and row.
        """
        if self._is_matrix and all(inputs[spec.name].dtype == np.float64 for spec in self._specs):
            # Column after column, as pandas lays a frame out: sums in another order differ in their last bits.
            doubles = [inputs[spec.name] for spec in self._specs]
            matrix = np.concatenate(doubles).reshape(len(doubles), -1).T  # Many times as fast as `np.stack` for a row.
            return self._pandas.DataFrame(matrix, columns=self._index, copy=False)
        if not self._specs:
            return self._pandas.DataFrame({name: self._undeclared(values) for name, values in inputs.items()})
        rows = len(next(iter(inputs.values())))
        columns = {
            self._labels[spec.name]: self._column(spec, inputs.get(spec.name), rows=rows)
            for spec in self._specs
            if spec.name in inputs or self._fill_absent
        }
        return self._pandas.DataFrame(columns)

    def _column(self, spec: TensorSpec, values: _Column | None, *, rows: int) -> Any:
        if values is None:
            values = np.full(rows, None, dtype=object)
        if spec.name in self._categories:
            return self._categorical(spec, values)
        if spec.datatype is not Datatype.BYTES:
            return _numbers(values, spec) if values.dtype == object else values
        if values.dtype != object:  # Without a declared signature numbers may come where BYTES is guessed.
            return values
        if parse := _PARSERS.get(spec.logical_type or ""):
            return self._parsed(spec, values, parse)
        return self._strings(values)

    def _parsed(self, spec: TensorSpec, values: _Column, parse: Callable[[Any], Any]) -> Any:
        parsed = np.empty(len(values), dtype=object)
        for row, value in enumerate(values):
            try:
                parsed[row] = None if value is None else parse(value)
            except (ValueError, TypeError) as error:
                raise InvalidInput(
                    f"column {spec.name!r}, row {row}: expected {_EXPECTED[spec.logical_type or '']}, got {value!r}"
                ) from error
        if spec.logical_type != "datetime":
            return parsed
        try:
            return self._pandas.to_datetime(parsed).astype("datetime64[ns]")
        except (ValueError, OverflowError) as error:  # pandas' OutOfBoundsDatetime is a ValueError.
            raise InvalidInput(
                f"column {spec.name!r}: a datetime is outside of the years 1678 to 2261, which datetime64[ns] spans"
            ) from error

    def _categorical(self, spec: TensorSpec, values: _Column) -> Any:
        categories = self._categories[spec.name]
        codes = categories.get_indexer(values)
        for row in np.flatnonzero(codes < 0):
            if values[row] is not None and values[row] == values[row]:  # NaN is a missing value.
                known = ", ".join(repr(value) for value in categories[:10])
                raise InvalidInput(
                    f"column {spec.name!r}, row {row}: expected one of {known}{'…' * (len(categories) > 10)}, "
                    f"got {values[row]!r}"
                )
        return self._pandas.Categorical.from_codes(codes, categories=categories)

    def _undeclared(self, values: _Column) -> Any:
        return self._strings(values) if values.dtype == object else values

    def _strings(self, values: _Column) -> Any:
        """Object columns as this version of pandas itself makes them from Python values."""
        return self._pandas.Series([np.nan if value is None else value for value in values])


def _numbers(values: _Column, spec: TensorSpec) -> _Column:
    """An object column of integers or booleans with None: floats with NaN, or booleans left as they are."""
    if spec.datatype is Datatype.BOOL:
        return values
    dtype = spec.datatype.numpy_dtype if spec.datatype.numpy_dtype.kind == "f" else np.dtype(np.float64)
    return np.array([np.nan if value is None else value for value in values], dtype=dtype)


def _datetime(value: str | bytes) -> datetime:
    """A naive datetime; one with an offset is converted to UTC."""
    parsed = datetime.fromisoformat(value.decode() if isinstance(value, bytes) else value)
    return parsed if parsed.tzinfo is None else parsed.astimezone(UTC).replace(tzinfo=None)


def _binary(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value


_PARSERS: dict[str, Callable[[Any], Any]] = {"datetime": _datetime, "binary": _binary, "json": orjson.loads}
_EXPECTED = {"datetime": "an ISO 8601 datetime", "binary": "bytes", "json": "JSON text"}
