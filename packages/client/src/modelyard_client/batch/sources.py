"""Rows of a file as Arrow batches, from any row on; of the file no more is in memory than a batch and its row group."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from modelyard_client.batch.formats import TableFormat, table_format
from modelyard_client.errors import Invalid

Columns = Mapping[str, pa.DataType | None]


class Source(Protocol):
    """A table in a file."""

    @property
    def names(self) -> Sequence[str]:
        """The names of all its columns."""

    @property
    def rows(self) -> int | None:
        """How many there are; None where only reading all of it says so."""

    def batches(self, columns: Columns, *, start: int, rows: int) -> Iterator[pa.RecordBatch]:
        """Batches of exactly `rows` rows, but for the last, from the row `start` on.

        Args:
            columns: which, in which order, and of which type each is where the file does not say it (CSV holds texts);
                None for a type that its cells say.

        Raises:
            Invalid: the file is spoilt.
        """


def open_source(file: Path) -> Source:
    """The table in a file.

    Raises:
        Invalid: it cannot be read, its form is unknown, or two columns have one name.
    """
    form = table_format(file)
    with _readable(file, form):
        source = _OPENERS[form](file)
    names = list(source.names)
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise Invalid(f"{file}: two columns are named {repeated[0]!r}", code="file_invalid", field="file")
    return source


class _Parquet:
    """Row groups before the start are not read."""

    def __init__(self, file: Path) -> None:
        self._path = file
        self._file = pa.parquet.ParquetFile(file, memory_map=True)
        self.names = self._file.schema_arrow.names
        self.rows: int | None = self._file.metadata.num_rows

    def batches(self, columns: Columns, *, start: int, rows: int) -> Iterator[pa.RecordBatch]:
        groups: list[int] = []
        first = 0
        for number in range(self._file.num_row_groups):
            size = self._file.metadata.row_group(number).num_rows
            if groups or first + size > start:  # All after the first one, however small.
                groups.append(number)
            else:
                first += size
        with _readable(self._path, TableFormat.PARQUET):
            read = self._file.iter_batches(batch_size=rows, row_groups=groups, columns=list(columns))
            yield from _cut(read, skip=start - first, rows=rows)


class _Arrow:
    """An IPC file; a stream is read through."""

    def __init__(self, file: Path) -> None:
        self._path = file
        self._map = pa.memory_map(str(file))
        self._is_file = self._map.read(6) == b"ARROW1"
        self._map.seek(0)
        reader = pa.ipc.open_file(self._map) if self._is_file else pa.ipc.open_stream(self._map)
        self.names = reader.schema.names
        self.rows: int | None = None
        if self._is_file:
            self.rows = sum(reader.get_batch(number).num_rows for number in range(reader.num_record_batches))

    def batches(self, columns: Columns, *, start: int, rows: int) -> Iterator[pa.RecordBatch]:
        with _readable(self._path, TableFormat.ARROW):
            self._map.seek(0)
            reader = pa.ipc.open_file(self._map) if self._is_file else pa.ipc.open_stream(self._map)
            read = map(reader.get_batch, range(reader.num_record_batches)) if self._is_file else iter(reader)
            yield from _cut((batch.select(list(columns)) for batch in read), skip=start, rows=rows)


class _Csv:
    """Read from its beginning each time: where a row begins is known only after what stands before it."""

    def __init__(self, file: Path) -> None:
        self._path = file
        self.rows: int | None = None
        with pa.csv.open_csv(file) as reader:
            self.names = reader.schema.names

    def batches(self, columns: Columns, *, start: int, rows: int) -> Iterator[pa.RecordBatch]:
        options = pa.csv.ConvertOptions(
            column_types={name: kind for name, kind in columns.items() if kind is not None},
            include_columns=list(columns),
            null_values=[""],  # An empty cell is missing; the text NA is a text.
            strings_can_be_null=True,
        )
        with (
            _readable(self._path, TableFormat.CSV),
            pa.csv.open_csv(self._path, convert_options=options) as reader,
        ):
            yield from _cut(reader, skip=start, rows=rows)


_OPENERS: Mapping[TableFormat, Callable[[Path], Source]] = {
    TableFormat.PARQUET: _Parquet,
    TableFormat.ARROW: _Arrow,
    TableFormat.CSV: _Csv,
}


def _cut(read: Iterator[pa.RecordBatch], *, skip: int, rows: int) -> Iterator[pa.RecordBatch]:
    """The same rows in batches of one size; what is cut is not copied unless it comes from two batches."""
    held: list[pa.RecordBatch] = []
    size = 0
    for batch in read:
        left = batch.slice(skip)
        skip = max(0, skip - batch.num_rows)
        while size + left.num_rows >= rows:
            taken = rows - size
            yield _whole([*held, left.slice(0, taken)])
            held, size, left = [], 0, left.slice(taken)
        if left.num_rows:
            held.append(left)
            size += left.num_rows
    if held:
        yield _whole(held)


def _whole(parts: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    return parts[0] if len(parts) == 1 else pa.concat_batches(parts)


@contextmanager
def _readable(file: Path, form: TableFormat) -> Iterator[None]:
    try:
        yield
    except pa.ArrowException as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise Invalid(f"{file}: expected {form}: {reason}", code="file_invalid", field="file") from error
    except OSError as error:
        raise Invalid(f"cannot read {file}: {error.strerror or error}", code="file_unreadable", field="file") from error
