from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from modelyard_client.errors import Invalid
from modelyard_client.prediction.files import (
    Cells,
    FileFormat,
    WholeRequest,
    format_of,
    read_bytes,
    read_file,
    without_columns,
)


class TestJson:
    def test_columns_and_records_are_columns(self) -> None:
        assert read_bytes(b'{"age": [31]}', FileFormat.JSON) == {"age": [31]}
        assert read_bytes(b'[{"age": 31}]', FileFormat.JSON) == {"age": [31]}

    def test_a_whole_request_stays_one(self) -> None:
        request = {"inputs": {"age": [31]}, "outputs": ["p"]}
        assert read_bytes(b'{"inputs": {"age": [31]}, "outputs": ["p"]}', FileFormat.JSON) == WholeRequest(request)

    def test_broken_json_tells_where(self) -> None:
        with pytest.raises(Invalid, match=r"expected JSON: .*line 1 column 2"):
            read_bytes(b"{", FileFormat.JSON)


class TestCsv:
    def test_cells_stay_text_and_empty_ones_are_missing(self) -> None:
        content = '\ufeffage,"job, title"\r\n031,"cook ""chef"""\r\n,\r\n\r\n'.encode()
        assert read_bytes(content, FileFormat.CSV) == Cells({"age": ["031", None], "job, title": ['cook "chef"', None]})

    @pytest.mark.parametrize(
        ("content", "sentence"),
        [
            (b"", "expected CSV with a line of column names, got nothing"),
            (b"a,b\n1,2\n3\n", "row 2: expected 2 cells, got 1"),
            (b"a,a\n1,2\n", "two columns are named 'a'"),
            (b'a\n"1\n', "expected CSV in UTF-8"),
            (b"\xff", "expected CSV in UTF-8"),
        ],
    )
    def test_what_is_no_table_is_refused(self, content: bytes, sentence: str) -> None:
        with pytest.raises(Invalid, match=sentence):
            read_bytes(content, FileFormat.CSV)


class TestParquet:
    def test_columns_keep_their_types(self, tmp_path: Path) -> None:
        columns = {"age": [31, None], "score": [0.1, 0.2], "job": ["cook", None], "is_new": [True, False]}
        parquet.write_table(pa.table(columns), tmp_path / "rows.parquet")
        assert read_file(tmp_path / "rows.parquet") == columns

    def test_what_is_no_parquet_is_refused(self) -> None:
        with pytest.raises(Invalid, match="expected Parquet"):
            read_bytes(b"age\n31\n", FileFormat.PARQUET)


class TestReadFile:
    def test_the_ending_tells_the_format(self) -> None:
        endings = ["a.json", "a.CSV", "a.parquet", "a.pq"]
        assert [format_of(Path(name)).value for name in endings] == ["json", "csv", "parquet", "parquet"]

    def test_a_format_that_is_given_counts_more_than_the_ending(self, tmp_path: Path) -> None:
        (tmp_path / "rows.txt").write_text("age\n31\n")
        assert read_file(tmp_path / "rows.txt", FileFormat.CSV) == Cells({"age": ["31"]})

    def test_an_ending_that_is_unknown_is_refused(self) -> None:
        with pytest.raises(Invalid, match=r"expected a file that ends in \.json"):
            format_of(Path("rows.xlsx"))

    def test_a_file_that_is_not_there_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(Invalid, match=r"none\.csv: No such file or directory"):
            read_file(tmp_path / "none.csv")


class TestWithoutColumns:
    def test_columns_are_left_out_of_cells_and_columns_alike(self) -> None:
        assert without_columns(Cells({"a": ["1"], "y": ["0"]}), ["y"]) == Cells({"a": ["1"]})
        assert without_columns({"a": [1], "y": [0]}, ["y"]) == {"a": [1]}

    def test_a_column_that_is_not_there_is_an_error_that_names_those_that_are(self) -> None:
        with pytest.raises(Invalid, match="no column 'z' to drop; there are: a, y"):
            without_columns({"a": [1], "y": [0]}, ["z"])

    def test_rows_without_names_have_none_to_drop(self) -> None:
        with pytest.raises(Invalid, match="have no columns to drop"):
            without_columns([[1, 2]], ["a"])
