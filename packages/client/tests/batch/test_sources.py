"""Rows of files from any row on."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from modelyard_client.batch.sources import open_source
from modelyard_client.errors import Invalid

ROWS = 23
TABLE = pa.table({"id": range(ROWS), "town": [None if number % 5 == 0 else f"t{number}" for number in range(ROWS)]})


def _ipc_file(table: pa.Table, place: Path) -> None:
    with pa.ipc.new_file(place, table.schema) as sink:
        sink.write_table(table, max_chunksize=7)


def _ipc_stream(table: pa.Table, place: Path) -> None:
    with pa.OSFile(str(place), "wb") as raw, pa.ipc.new_stream(raw, table.schema) as sink:
        sink.write_table(table, max_chunksize=7)


WRITERS: dict[str, Callable[[pa.Table, Path], None]] = {
    "rows.parquet": lambda table, place: pa.parquet.write_table(table, place, row_group_size=5),
    "rows.csv": pa.csv.write_csv,
    "rows.arrow": _ipc_file,
    "rows.feather": _ipc_stream,
}


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("start", [0, 1, 5, 12, 14, 20, 22, 23])
def test_batches_of_one_size_begin_at_any_row_whatever_the_chunks_of_the_file(
    name: str, start: int, tmp_path: Path
) -> None:
    WRITERS[name](TABLE, tmp_path / name)
    source = open_source(tmp_path / name)

    read = list(source.batches({"id": pa.int64(), "town": pa.string()}, start=start, rows=4))

    assert source.names == ["id", "town"]
    assert [batch.num_rows for batch in read][:-1] == [4] * (len(read) - 1)
    assert pa.Table.from_batches(read, TABLE.schema).to_pylist() == TABLE.slice(start).to_pylist()


def test_csv_has_the_types_that_are_asked_for_and_an_empty_cell_is_missing(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text('code,amount,country\n007,1,NA\n,,""\n')

    (batch,) = open_source(tmp_path / "rows.csv").batches(
        {"code": pa.string(), "amount": pa.float64(), "country": pa.string()}, start=0, rows=9
    )

    assert batch.to_pylist() == [
        {"code": "007", "amount": 1.0, "country": "NA"},
        {"code": None, "amount": None, "country": None},
    ]


@pytest.mark.parametrize("name", WRITERS)
def test_a_spoilt_file_is_refused_in_a_sentence(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b'"' if name.endswith("csv") else b"PAR1 nothing of it PAR1")

    with pytest.raises(Invalid, match=r"expected (parquet|csv|arrow): "):
        list(open_source(tmp_path / name).batches({"id": None}, start=0, rows=9))


def test_a_file_that_is_not_there_and_a_form_that_is_not_known_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"cannot read .*missing\.parquet"):
        open_source(tmp_path / "missing.parquet")
    with pytest.raises(Invalid, match=r"expected a file that ends in \.parquet.*got 'rows\.xlsx'"):
        open_source(tmp_path / "rows.xlsx")
