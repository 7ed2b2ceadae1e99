"""Tables written to files, and files of one form put together in order."""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from modelyard_client.batch.formats import TableFormat, table_format


class Sink(Protocol):
    """A file that is being written."""

    def write_batch(self, batch: pa.RecordBatch) -> None:
        """The next rows."""


@contextmanager
def open_sink(file: Path, form: TableFormat, schema: pa.Schema) -> Iterator[Sink]:
    """A new file, which is on the disk when the block ends."""
    with file.open("wb") as raw:
        with _OPENERS[form](raw, schema) as sink:
            yield sink
        raw.flush()
        os.fsync(raw.fileno())


def concatenate(parts: Sequence[Path], place: Path) -> None:
    """Write the rows of files of one form, in order, to a file of that form, which gets its name when it is whole."""
    draft = place.parent / f".{place.name}.draft"
    if len(parts) == 1:
        shutil.copyfile(parts[0], draft)
    else:
        _JOINERS[table_format(place)](parts, draft)
    with draft.open("rb") as written:
        os.fsync(written.fileno())
    draft.replace(place)


def _joined_parquet(parts: Sequence[Path], draft: Path) -> None:
    with open_sink(draft, TableFormat.PARQUET, pa.parquet.read_schema(parts[0])) as sink:
        for part in parts:
            for batch in pa.parquet.ParquetFile(part).iter_batches(batch_size=1 << 17):
                sink.write_batch(batch)


def _joined_arrow(parts: Sequence[Path], draft: Path) -> None:
    with pa.memory_map(str(parts[0])) as first:
        schema = pa.ipc.open_file(first).schema
    with open_sink(draft, TableFormat.ARROW, schema) as sink:
        for part in parts:
            with pa.memory_map(str(part)) as mapped:
                reader = pa.ipc.open_file(mapped)
                for number in range(reader.num_record_batches):
                    sink.write_batch(reader.get_batch(number))


def _joined_csv(parts: Sequence[Path], draft: Path) -> None:
    with draft.open("wb") as written:
        for number, part in enumerate(parts):
            with part.open("rb") as read:
                if number:
                    read.readline()  # The names of the columns, which hold no line break: see `checked_names`.
                shutil.copyfileobj(read, written, 1 << 20)


_OPENERS = {
    TableFormat.PARQUET: pa.parquet.ParquetWriter,
    TableFormat.ARROW: pa.ipc.new_file,
    TableFormat.CSV: pa.csv.CSVWriter,
}
_JOINERS = {
    TableFormat.PARQUET: _joined_parquet,
    TableFormat.ARROW: _joined_arrow,
    TableFormat.CSV: _joined_csv,
}
