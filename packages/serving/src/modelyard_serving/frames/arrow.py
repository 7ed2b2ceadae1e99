"""Arrow IPC and Parquet. It needs pyarrow, and says so where that is not installed."""

import importlib
from collections.abc import Callable
from typing import Any

from modelyard_serving.errors import InvalidInput, Kind, MissingExtra, ServingError
from modelyard_serving.frames.payload import Columns

_MOST_CELLS = 50_000_000
"""Both formats can say in a few bytes that one value is repeated a billion times."""


def read_arrow(body: bytes) -> Columns:
    """An Arrow IPC stream or file.

    Raises:
        InvalidInput: the body is neither, or has a column of a type that no model takes.
        MissingExtra: pyarrow is not installed.
    """
    pyarrow = _pyarrow("pyarrow.ipc")

    def read() -> Any:
        is_file = body.startswith(b"ARROW1")
        reader = pyarrow.ipc.open_file(body) if is_file else pyarrow.ipc.open_stream(body)
        return reader.read_all()

    return _columns(_read("Arrow", read, pyarrow), pyarrow)


def read_parquet(body: bytes) -> Columns:
    """A Parquet file. Raises as `read_arrow`, and ServingError of kind TOO_LARGE before any row is decoded."""
    pyarrow = _pyarrow("pyarrow.parquet")

    def read() -> Any:
        file = pyarrow.parquet.ParquetFile(pyarrow.BufferReader(body))
        _limit(file.metadata.num_rows, file.metadata.num_columns)
        return file.read(use_threads=False)

    return _columns(_read("Parquet", read, pyarrow), pyarrow)


def _pyarrow(module: str) -> Any:
    try:
        importlib.import_module(module)
        return importlib.import_module("pyarrow")
    except ImportError as error:
        raise MissingExtra(extra="frames", needed_for="a body of Arrow or Parquet") from error


def _read(form: str, read: Callable[[], Any], pyarrow: Any) -> Any:
    try:
        table = read()
    except (pyarrow.ArrowException, OSError) as error:
        raise InvalidInput(f"the body is not {form}: {str(error).splitlines()[0]}") from error
    _limit(table.num_rows, table.num_columns)
    return table


def _limit(rows: int, columns: int) -> None:
    if rows * max(columns, 1) > _MOST_CELLS:
        raise ServingError(f"{rows} rows of {columns} columns are more than {_MOST_CELLS} values", kind=Kind.TOO_LARGE)


def _columns(table: Any, pyarrow: Any) -> Columns:
    names = table.column_names
    if len(set(names)) != len(names):
        raise InvalidInput("a column's name is there more than once")
    # pandas keeps an index in a column of its own, which is no input of the model.
    kept = [name for name in names if not name.startswith("__index_level_")]
    return Columns({name: _values(name, table.column(name), pyarrow) for name in kept})


def _values(name: str, column: Any, pyarrow: Any) -> Any:
    types = pyarrow.types
    if types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = column.type
    if types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind):
        is_whole = column.null_count == 0 or types.is_floating(kind)
        return column.to_numpy() if is_whole else column.to_pylist()
    if types.is_decimal(kind):
        return column.cast(pyarrow.float64()).to_numpy()
    if types.is_timestamp(kind):
        column = column.cast(pyarrow.timestamp("us", kind.tz), safe=False)
    if types.is_timestamp(kind) or types.is_date(kind):
        return [None if time is None else time.isoformat() for time in column.to_pylist()]
    if any(check(kind) for check in _plain_types(types)):
        return column.to_pylist()
    raise InvalidInput(f"column {name!r}: the type {kind} is no input of a model")


def _plain_types(types: Any) -> list[Callable[[Any], bool]]:
    """The types whose Python values are what JSON would have brought."""
    texts = [types.is_string, types.is_large_string, types.is_binary, types.is_large_binary]
    nested = [types.is_list, types.is_large_list, types.is_fixed_size_list, types.is_struct]
    return [types.is_null, *texts, *nested]
