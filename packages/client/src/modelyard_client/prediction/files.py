"""Rows in files: JSON, CSV and Parquet. CSV holds no types, so its cells stay text until the model's are known."""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from modelyard_client.errors import Invalid
from modelyard_client.prediction.rows import Columns, check_unique, frame_columns, inputs_of


class FileFormat(StrEnum):
    """What a file of rows is written in."""

    JSON = "json"
    CSV = "csv"
    PARQUET = "parquet"


@dataclass(frozen=True, slots=True)
class Cells:
    """Columns of text cells as a CSV file has them; an empty cell is None."""

    columns: Mapping[str, Sequence[str | None]]


@dataclass(frozen=True, slots=True)
class WholeRequest:
    """A body that `/predict` takes, with its parameters if it has any; it is sent as it is."""

    content: Mapping[str, Any]


_FORMS = frozenset({"inputs", "instances", "dataframe_split", "dataframe_records"})
_BY_SUFFIX = {
    ".json": FileFormat.JSON,
    ".csv": FileFormat.CSV,
    ".parquet": FileFormat.PARQUET,
    ".pq": FileFormat.PARQUET,
}


def format_of(file: Path) -> FileFormat:
    """The format by the file's ending.

    Raises:
        Invalid: the ending is none that is known.
    """
    if file.suffix.lower() not in _BY_SUFFIX:
        raise Invalid(
            f"expected a file that ends in {', '.join(_BY_SUFFIX)}, or a format; got {file.name!r}",
            code="file_format_unknown",
            field="file",
        )
    return _BY_SUFFIX[file.suffix.lower()]


def read_file(file: Path, file_format: FileFormat | None = None) -> object:
    """The rows of a file, for `Predictor.predict`. The format is that of the file name's suffix unless given.

    Raises:
        Invalid: it cannot be read or is not what its format says.
    """
    chosen = file_format or format_of(file)
    try:
        content = file.read_bytes()
    except OSError as error:
        raise Invalid(f"cannot read {file}: {error.strerror}", code="file_unreadable", field="file") from error
    return read_bytes(content, chosen)


def read_bytes(content: bytes, file_format: FileFormat) -> object:
    """The rows of a file's content."""
    return _READERS[file_format](content)


def without_columns(rows: object, names: Sequence[str]) -> object:
    """The same rows without some columns, for example the label that a file also holds.

    Raises:
        Invalid: there is no such column, or the rows have no names.
    """
    if not names:
        return rows
    columns = rows.columns if isinstance(rows, Cells) else rows
    if not isinstance(columns, Mapping):
        raise Invalid("rows without names have no columns to drop", code="column_unknown")
    if unknown := [name for name in names if name not in columns]:
        raise Invalid(f"no column {unknown[0]!r} to drop; there are: {', '.join(columns)}", code="column_unknown")
    kept = {name: values for name, values in columns.items() if name not in names}
    return Cells(kept) if isinstance(rows, Cells) else kept


def _json(content: bytes) -> object:
    """Columns, records or rows; or a whole request as `/predict` takes it."""
    try:
        value = json.loads(content)
    except ValueError as error:
        raise Invalid(f"expected JSON: {error}", code="file_invalid", field="file") from error
    if isinstance(value, dict) and value.keys() & _FORMS:
        return WholeRequest(value)
    return inputs_of(value)


def _csv(content: bytes) -> Cells:
    try:
        lines = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True))
    except (csv.Error, UnicodeDecodeError) as error:
        raise Invalid(f"expected CSV in UTF-8: {error}", code="file_invalid", field="file") from error
    rows = [line for line in lines if line]
    if not rows:
        raise Invalid("expected CSV with a line of column names, got nothing", code="file_invalid", field="file")
    names, *cells = rows
    check_unique(names)
    for number, row in enumerate(cells, start=1):
        if len(row) != len(names):
            raise Invalid(
                f"row {number}: expected {len(names)} cells, got {len(row)}", code="file_invalid", field="file"
            )
    return Cells({name: [row[index] or None for row in cells] for index, name in enumerate(names)})


def _parquet(content: bytes) -> Columns:
    try:
        from pyarrow import ArrowException, BufferReader, parquet  # noqa: PLC0415  # An optional extra.
    except ModuleNotFoundError as error:
        raise Invalid(
            "Parquet files need an extra: pip install 'modelyard-client[frames]'", code="extra_missing"
        ) from error
    try:
        table = parquet.read_table(BufferReader(content))
    except ArrowException as error:
        raise Invalid(f"expected Parquet: {error}", code="file_invalid", field="file") from error
    return frame_columns(table) or {}


_READERS: dict[FileFormat, Callable[[bytes], Any]] = {
    FileFormat.JSON: _json,
    FileFormat.CSV: _csv,
    FileFormat.PARQUET: _parquet,
}
