"""Tables written to files, and files of one form put together in order."""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Protocol

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from modelyard_client.batch.formats import TableFormat, table_format
from modelyard_client.errors import Invalid

_MANIFEST = b"modelyard"


class Sink(Protocol):
    """A file that is being written."""

    def write_batch(self, batch: pa.RecordBatch) -> None:
        """The next rows."""


@contextmanager
def open_sink(file: Path, form: TableFormat, schema: pa.Schema) -> Iterator[Any]:
    """A new file, which is on the disk when the block ends."""
    with file.open("wb") as raw:
        with _OPENERS[form](raw, schema) as sink:
            yield sink
        raw.flush()
        os.fsync(raw.fileno())


def concatenate(parts: Sequence[Path], place: Path, manifest: bytes) -> None:
    """Write the rows of parts, in order, to a file, which gets its name when it is whole.

    Args:
        parts: of `part_format` of the file's form.
        manifest: what the file is made of, which it says of itself (metadata `modelyard`); CSV has no place for it.
    """
    draft = place.parent / f".{place.name}.draft"
    _JOINERS[table_format(place)](parts, draft, manifest)
    with draft.open("rb") as written:
        os.fsync(written.fileno())
    draft.replace(place)


def check_says_manifest(place: Path) -> None:
    """Raises Invalid for a form that has no place for what the file is made of."""
    if table_format(place) is TableFormat.CSV:
        raise Invalid(
            f"a share of a file goes into Parquet or Arrow IPC, got {place.name!r}", code="share_invalid", field="share"
        )


def manifest_of(place: Path) -> tuple[bytes, int] | None:
    """What a file that `concatenate` wrote says that it is made of, and its rows; None where it says nothing."""
    with pa.memory_map(str(place)) as mapped:
        if table_format(place) is TableFormat.PARQUET:
            file = pa.parquet.ParquetFile(mapped)
            metadata, rows = file.schema_arrow.metadata, file.metadata.num_rows
        else:
            reader = pa.ipc.open_file(mapped)
            metadata = reader.schema.metadata
            rows = sum(reader.get_batch(number).num_rows for number in range(reader.num_record_batches))
    found = (metadata or {}).get(_MANIFEST)
    return None if found is None else (found, rows)


def _joined_parquet(parts: Sequence[Path], draft: Path, manifest: bytes) -> None:
    """Row groups of as many rows as pyarrow's own, or of a part's where that has fewer."""
    with open_sink(draft, TableFormat.PARQUET, _schema(parts[0], manifest)) as sink:
        for part in parts:
            with pa.memory_map(str(part)) as mapped:
                sink.write_table(pa.ipc.open_file(mapped).read_all())


def _joined_arrow(parts: Sequence[Path], draft: Path, manifest: bytes) -> None:
    with open_sink(draft, TableFormat.ARROW, _schema(parts[0], manifest)) as sink:
        for part in parts:
            with pa.memory_map(str(part)) as mapped:
                reader = pa.ipc.open_file(mapped)
                for number in range(reader.num_record_batches):
                    sink.write_batch(reader.get_batch(number))


def _schema(part: Path, manifest: bytes) -> pa.Schema:
    with pa.memory_map(str(part)) as mapped:
        return pa.ipc.open_file(mapped).schema.with_metadata({_MANIFEST: manifest})


def _parquet_writer(raw: IO[bytes], schema: pa.Schema) -> pa.parquet.ParquetWriter:
    """Dictionaries of texts only: of keys and scores, which differ, they take as long as all the rest."""
    texts = [field.name for field in schema if pa.types.is_string(field.type) or pa.types.is_large_string(field.type)]
    return pa.parquet.ParquetWriter(raw, schema, use_dictionary=texts or False)


def _joined_csv(parts: Sequence[Path], draft: Path, _: bytes) -> None:
    with draft.open("wb") as written:
        for number, part in enumerate(parts):
            with part.open("rb") as read:
                if number:
                    read.readline()  # The names of the columns, which hold no line break: see `checked_names`.
                shutil.copyfileobj(read, written, 1 << 20)


_OPENERS = {
    TableFormat.PARQUET: _parquet_writer,
    TableFormat.ARROW: pa.ipc.new_file,
    TableFormat.CSV: pa.csv.CSVWriter,
}
_JOINERS = {
    TableFormat.PARQUET: _joined_parquet,
    TableFormat.ARROW: _joined_arrow,
    TableFormat.CSV: _joined_csv,
}
