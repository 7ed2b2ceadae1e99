"""Arrow IPC and Parquet, which need the optional pyarrow. A body's size is checked from its metadata before it is
decompressed, and a dictionary-encoded text is decoded once."""

import importlib
from collections.abc import Callable
from typing import Any

from modelyard_serving.errors import InvalidInput, Kind, MissingExtra, ServingError
from modelyard_serving.frames.arrow_repeats import size_as_objects
from modelyard_serving.frames.arrow_sizes import size_of
from modelyard_serving.frames.payload import MAX_CELLS, Columns

_MAX_BYTES = 512 * 1024 * 1024
"""What the columns of a body may take when they are unpacked."""
_FILE_MAGIC = b"ARROW1\0\0"
_BYTE_ARRAYS = frozenset({"BYTE_ARRAY"})


def read_arrow(body: bytes) -> Columns:
    """An Arrow IPC stream or file.

    Raises:
        InvalidInput: the body is neither, or has a column of a type that no model takes.
        ServingError: of kind TOO_LARGE, before anything is unpacked.
        MissingExtra: pyarrow is not installed.
    """
    pyarrow = _pyarrow("pyarrow.ipc")
    # A file is a stream between two marks. Its footer, which may point anywhere and often, is left unread.
    stream = pyarrow.py_buffer(body)[len(_FILE_MAGIC) :] if body.startswith(_FILE_MAGIC) else pyarrow.py_buffer(body)

    def read() -> Any:
        _measure(stream, pyarrow)
        return pyarrow.ipc.open_stream(stream).read_all()

    return _read("Arrow", read, pyarrow)


def read_parquet(body: bytes) -> Columns:
    """A Parquet file. Raises as `read_arrow`."""
    pyarrow = _pyarrow("pyarrow.parquet")

    def read() -> Any:
        metadata = pyarrow.parquet.read_metadata(pyarrow.BufferReader(body))
        texts = _measured(metadata)
        file = pyarrow.parquet.ParquetFile(pyarrow.BufferReader(body), metadata=metadata, read_dictionary=texts)
        return file.read(use_threads=False)

    return _read("Parquet", read, pyarrow)


def _measure(stream: Any, pyarrow: Any) -> None:
    """Refuse what unpacks to too much."""
    cells = unpacked = 0
    for message in pyarrow.ipc.MessageReader.open_stream(stream):
        size = size_of(message.metadata.to_pybytes(), memoryview(message.body or b""))
        cells += size.cells
        unpacked += size.unpacked_bytes
        _limit(cells, unpacked)


def _measured(metadata: Any) -> list[str]:
    """Refuse what unpacks to too much; the columns of texts, which are read without repeating any.

    Of the metadata only whole numbers are asked: looking at a spoilt column chunk aborts the process (pyarrow 25).
    """
    groups = map(metadata.row_group, range(metadata.num_row_groups))
    _limit(metadata.num_rows * max(metadata.num_columns, 1), sum(group.total_byte_size for group in groups))
    columns = map(metadata.schema.column, range(len(metadata.schema)))
    return [column.path for column in columns if column.physical_type in _BYTE_ARRAYS]


def _pyarrow(module: str) -> Any:
    try:
        importlib.import_module(module)
        importlib.import_module("pyarrow.compute")
        return importlib.import_module("pyarrow")
    except ImportError as error:
        raise MissingExtra(extra="frames", needed_for="a body of Arrow or Parquet") from error


def _read(form: str, read: Callable[[], Any], pyarrow: Any) -> Columns:
    try:
        table = read()
        table.validate(full=True)  # Offsets that point out of their buffers would be followed.
        _limit(table.num_rows * max(table.num_columns, 1), 0)
        return _columns(table, pyarrow)
    except ServingError:
        raise
    except Exception as error:  # Spoilt bytes make pyarrow raise whatever its C++ or its Python meets.
        message = (str(error).splitlines() or [type(error).__name__])[0]
        raise InvalidInput(f"the body is not {form}: {message}") from error


def _limit(cells: int, unpacked_bytes: int) -> None:
    if cells > MAX_CELLS:
        message = f"the body has {cells} values, more than {MAX_CELLS} values are not taken"
        raise ServingError(message, kind=Kind.TOO_LARGE)
    if unpacked_bytes > _MAX_BYTES:
        message = f"the body unpacks to {unpacked_bytes} bytes, at most {_MAX_BYTES} are taken"
        raise ServingError(message, kind=Kind.TOO_LARGE)


def _columns(table: Any, pyarrow: Any) -> Columns:
    names = table.column_names
    if len(set(names)) != len(names):
        raise InvalidInput("a column's name is there more than once")
    # pandas keeps an index in a column of its own, which is no input of the model.
    kept = [name for name in names if not name.startswith("__index_level_")]
    return Columns({name: _values(name, table.column(name), pyarrow) for name in kept})


def _values(name: str, column: Any, pyarrow: Any) -> Any:
    types = pyarrow.types
    if types.is_dictionary(column.type) and any(check(column.type.value_type) for check in _texts(types)):
        return [value for chunk in column.chunks for value in _repeated(chunk)]
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
    if types.is_null(kind) or any(check(kind) for check in _texts(types)):
        return column.to_pylist()
    if types.is_nested(kind):
        sizes = [size_as_objects(chunk, pyarrow) for chunk in column.chunks]
        _limit(sum(size.cells for size in sizes), sum(size.unpacked_bytes for size in sizes))
        return column.to_pylist()
    raise InvalidInput(f"column {name!r}: the type {kind} is no input of a model")


def _repeated(chunk: Any) -> list[Any]:
    """Values of a dictionary by reference: each text is there once, however often it is meant."""
    values = chunk.dictionary.to_pylist()
    return [None if index is None else values[index] for index in chunk.indices.to_pylist()]


def _texts(types: Any) -> list[Callable[[Any], bool]]:
    return [types.is_string, types.is_large_string, types.is_binary, types.is_large_binary]
