"""CSV, Arrow and Parquet: the same columns as in JSON, in other bytes."""

import importlib
import io
import struct
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard_serving.errors import InvalidInput, Kind, MissingExtra, ServingError
from modelyard_serving.frames import decode_predict
from modelyard_serving.protocol.datatypes import Datatype
from modelyard_serving.runtimes.base import Tensors
from modelyard_serving.signature import InputKind, Signature, TensorSpec

FRAME = Signature(
    inputs=(
        TensorSpec("size", Datatype.FP32, (-1,)),
        TensorSpec("rooms", Datatype.INT64, (-1,), optional=True),
        TensorSpec("town", Datatype.BYTES, (-1,), logical_type="string"),
        TensorSpec("is_new", Datatype.BOOL, (-1,)),
        TensorSpec("seen", Datatype.BYTES, (-1,), logical_type="datetime"),
    ),
    outputs=(),
    kind=InputKind.FRAME,
)
ARRAY = Signature(inputs=(TensorSpec("input", Datatype.FP64, (-1, 3)),), outputs=())
NESTED = Signature(
    inputs=(TensorSpec("a", Datatype.BYTES, (-1,), logical_type="json"),), outputs=(), kind=InputKind.FRAME
)
UNKNOWN = Signature(inputs=(), outputs=(), is_declared=False)


@pytest.fixture
def table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "size": np.array([1.5, np.nan]),
            "rooms": pd.array([3, None], dtype="Int64"),
            "town": pd.Categorical(["Ulm", "Köln, Altstadt"]),
            "is_new": [True, False],
            "seen": pd.to_datetime(["2026-11-21T10:00:00", "1999-12-31T00:00:00"]),
        }
    )


def stream(table: pd.DataFrame) -> bytes:
    arrow_table = pa.Table.from_pandas(table)
    sink = io.BytesIO()
    with pyarrow.ipc.new_stream(sink, arrow_table.schema) as writer:
        writer.write_table(arrow_table)
    return sink.getvalue()


def file(table: pd.DataFrame) -> bytes:
    arrow_table = pa.Table.from_pandas(table)
    sink = io.BytesIO()
    with pyarrow.ipc.new_file(sink, arrow_table.schema) as writer:
        writer.write_table(arrow_table)
    return sink.getvalue()


def ipc(batch: Any, *, form: Any = pa.ipc.new_stream, codec: str | None = None, times: int = 1) -> bytes:
    """A stream or file of a batch, so many times."""
    sink = io.BytesIO()
    with form(sink, batch.schema, options=pa.ipc.IpcWriteOptions(compression=codec)) as writer:
        for _ in range(times):
            writer.write_batch(batch)
    return sink.getvalue()


def parquet_of(table: Any) -> bytes:
    sink = io.BytesIO()
    pyarrow.parquet.write_table(table, sink)
    return sink.getvalue()


def parquet(table: pd.DataFrame) -> bytes:
    sink = io.BytesIO()
    pyarrow.parquet.write_table(pa.Table.from_pandas(table), sink)
    return sink.getvalue()


def csv(table: pd.DataFrame) -> bytes:
    text: str = table.to_csv(index=False)
    return text.encode()


FORMS = [
    pytest.param(stream, "application/vnd.apache.arrow.stream", id="arrow-stream"),
    pytest.param(file, "application/vnd.apache.arrow.file", id="arrow-file"),
    pytest.param(parquet, "application/vnd.apache.parquet", id="parquet"),
    pytest.param(csv, "text/csv; charset=utf-8", id="csv"),
]
Write = Callable[[pd.DataFrame], bytes]


def decode(body: bytes, content_type: str, signature: Signature) -> Tensors:
    return decode_predict(body, content_type, signature).inputs


@pytest.mark.parametrize(("write", "content_type"), FORMS)
class TestEveryForm:
    def test_a_frame_of_mixed_types_with_missing_values(
        self, write: Write, content_type: str, table: pd.DataFrame
    ) -> None:
        inputs = decode(write(table), content_type, FRAME)
        np.testing.assert_array_equal(inputs["size"], np.array([1.5, np.nan], np.float32))
        assert inputs["size"].dtype == np.float32
        assert inputs["rooms"].tolist() == [3, None]
        assert inputs["town"].tolist() == ["Ulm", "Köln, Altstadt"]
        assert inputs["is_new"].tolist() == [True, False]
        assert pd.to_datetime(inputs["seen"]).tolist() == table["seen"].tolist()

    def test_a_plain_array_takes_the_columns_in_their_order(
        self, write: Write, content_type: str, table: pd.DataFrame
    ) -> None:
        numbers = pd.DataFrame({"c": [1.0, 4.0], "b": [2, 5], "a": [3, 6]})
        assert decode(write(numbers), content_type, ARRAY)["input"].tolist() == [[1, 2, 3], [4, 5, 6]]

    def test_columns_of_an_unknown_model_have_the_type_of_their_values(
        self, write: Write, content_type: str, table: pd.DataFrame
    ) -> None:
        inputs = decode(write(pd.DataFrame({"n": [1, 2], "f": [1.5, 2], "t": ["x", "y"]})), content_type, UNKNOWN)
        assert [values.dtype.kind for values in inputs.values()] == ["i", "f", "O"]

    def test_a_column_of_another_type_names_column_and_row(
        self, write: Write, content_type: str, table: pd.DataFrame
    ) -> None:
        with pytest.raises(InvalidInput, match=r"column 'size', row 1: expected a number \(FP32\), got \"big\""):
            decode(
                write(table.assign(size=["1", "big"] if "csv" in content_type else [None, "big"])), content_type, FRAME
            )

    def test_unknown_and_missing_columns_are_reported(
        self, write: Write, content_type: str, table: pd.DataFrame
    ) -> None:
        with pytest.raises(InvalidInput, match="unknown input 'garden'"):
            decode(write(table.assign(garden=1)), content_type, FRAME)
        with pytest.raises(InvalidInput, match="missing input 'town'"):
            decode(write(table.drop(columns="town")), content_type, FRAME)

    def test_no_rows_are_refused(self, write: Write, content_type: str, table: pd.DataFrame) -> None:
        with pytest.raises(InvalidInput, match="at least one row"):
            decode(write(table.head(0)), content_type, FRAME)


class TestCsv:
    def test_fields_may_be_quoted_and_hold_lines(self) -> None:
        body = b'size,town,is_new,seen\r\n1,"a ""b"",\nc",TRUE,2026-01-01\r\n'
        assert decode(body, "text/csv", FRAME)["town"].tolist() == ['a "b",\nc']

    def test_a_name_that_is_there_twice_is_found_at_once_among_very_many(self) -> None:
        header = ",".join(f"c{index}" for index in range(200_000))
        with pytest.raises(InvalidInput, match="column 'c199999' is named more than once"):
            decode(f"{header},c199999\n".encode(), "text/csv", UNKNOWN)

    def test_a_byte_order_mark_is_no_part_of_the_first_name(self) -> None:
        assert decode(b"\xef\xbb\xbfa,b,c\n1,2,3\n", "text/csv", ARRAY)["input"].tolist() == [[1, 2, 3]]

    @pytest.mark.parametrize(
        ("body", "message"),
        [
            (b"", "the CSV is empty"),
            (b"a,b,c\n1,2\n", "row 0: expected 3 values, got 2"),
            (b"a,b,a\n1,2,3\n", "column 'a' is named more than once"),
            (b'a,b,c\n1,2,"3\n', "the body is not CSV"),
            (b"a,b,c\n1,2,\xff\n", "not UTF-8: byte 10 is wrong"),
            (b"a,b,c\n1,2,1_000\n", "column 'c', row 0: expected a number"),
        ],
    )
    def test_what_is_no_csv_is_refused(self, body: bytes, message: str) -> None:
        with pytest.raises(InvalidInput, match=message):
            decode(body, "text/csv", ARRAY)

    @given(body=st.binary(max_size=200))
    def test_any_bytes_are_tensors_or_a_refusal(self, body: bytes) -> None:
        for signature in (ARRAY, FRAME, UNKNOWN):
            try:
                inputs = decode(body, "text/csv", signature)
            except InvalidInput:
                continue
            assert all(len(values) for values in inputs.values())


class TestArrow:
    def test_a_time_with_a_zone_keeps_it(self) -> None:
        times = pa.array([datetime(2026, 1, 1, tzinfo=UTC), None], pa.timestamp("ns", "UTC"))
        sink = io.BytesIO()
        pyarrow.parquet.write_table(pa.table({"seen": times}), sink)
        assert decode(sink.getvalue(), "application/x-parquet", UNKNOWN)["seen"].tolist() == [
            "2026-01-01T00:00:00+00:00",
            None,
        ]

    def test_the_index_of_pandas_is_no_input(self, table: pd.DataFrame) -> None:
        assert decode(parquet(table.set_index(pd.Index([5, 6]))), "application/x-parquet", FRAME)["rooms"][0] == 3

    def test_a_list_column_is_a_tensor(self) -> None:
        signature = Signature(inputs=(TensorSpec("image", Datatype.UINT8, (-1, 2)),), outputs=())
        inputs = decode(parquet(pd.DataFrame({"image": [[1, 2], [3, 4]]})), "application/x-parquet", signature)
        assert inputs["image"].tolist() == [[1, 2], [3, 4]]

    @pytest.mark.parametrize("content_type", ["application/vnd.apache.arrow.stream", "application/vnd.apache.parquet"])
    @pytest.mark.parametrize("body", [b"", b"nonsense", b"ARROW1\x00\x00nonsense", b"PAR1nonsensePAR1"])
    def test_what_is_neither_is_refused(self, content_type: str, body: bytes) -> None:
        with pytest.raises(InvalidInput, match=r"the body is not (Arrow|Parquet)"):
            decode(body, content_type, FRAME)

    @pytest.mark.parametrize("codec", [None, "lz4", "zstd"])
    @pytest.mark.parametrize("form", [pa.ipc.new_stream, pa.ipc.new_file])
    def test_packed_streams_and_files_are_read(self, codec: str | None, form: Any) -> None:
        body = ipc(pa.record_batch({"a": pa.array([1.5, 2.5] * 500)}), form=form, codec=codec)

        assert decode(body, "application/vnd.apache.arrow.stream", UNKNOWN)["a"].tolist() == [1.5, 2.5] * 500

    @pytest.mark.parametrize("form", [pa.ipc.new_stream, pa.ipc.new_file])
    def test_a_small_body_that_says_it_unpacks_to_a_lot_is_refused_before_it_does(self, form: Any) -> None:
        batch = pa.record_batch({"t": pa.array(["a" * 50_000_000])})
        body = ipc(batch, form=form, codec="zstd", times=12)
        before = pa.total_allocated_bytes()

        with pytest.raises(ServingError, match="at most 536870912 are taken") as caught:
            decode(body, "application/vnd.apache.arrow.stream", UNKNOWN)

        assert len(body) < 1_000_000
        assert caught.value.kind is Kind.TOO_LARGE
        assert pa.total_allocated_bytes() - before < 200_000_000

    def test_columns_without_buffers_are_counted_too(self) -> None:
        body = ipc(pa.record_batch({"a": pa.nulls(100_000_000)}))

        with pytest.raises(ServingError, match="more than 16000000 values"):
            decode(body, "application/vnd.apache.arrow.stream", UNKNOWN)

    @pytest.mark.parametrize("form", ["arrow", "parquet"])
    def test_a_text_that_a_dictionary_repeats_is_held_once(self, form: str) -> None:
        column = pa.DictionaryArray.from_arrays(pa.array([0, None] * 200_000, pa.int8()), pa.array(["a" * 100_000]))
        body = ipc(pa.record_batch({"t": column})) if form == "arrow" else parquet_of(pa.table({"t": column}))

        texts = decode(body, f"application/vnd.apache.{form.replace('arrow', 'arrow.stream')}", UNKNOWN)["t"]

        assert {text for text in texts if isinstance(text, str)} == {"a" * 100_000}
        assert len({id(text) for text in texts if isinstance(text, str)}) < 100

    @pytest.mark.parametrize("form", ["arrow", "parquet"])
    def test_a_text_that_a_dictionary_repeats_inside_of_lists_is_counted_each_time(self, form: str) -> None:
        texts = pa.DictionaryArray.from_arrays(pa.array([0] * 1000, pa.int8()), pa.array(["a" * 1_000_000]))
        lists = pa.ListArray.from_arrays(pa.array(range(1001), pa.int32()), texts)
        structs = pa.StructArray.from_arrays([lists], names=["inside"])
        for column in (lists, structs):
            table = pa.table({"a": column})
            body = parquet_of(table) if form == "parquet" else ipc(table.to_batches()[0], codec="zstd")
            assert len(body) < 3_000_000
            with pytest.raises(ServingError, match="unpacks to 1000000000 bytes") as caught:
                decode(body, f"application/vnd.apache.{form.replace('arrow', 'arrow.stream')}", NESTED)
            assert caught.value.kind is Kind.TOO_LARGE

    def test_a_list_of_very_many_values_in_one_row_is_refused(self) -> None:
        zeros = pa.ListArray.from_arrays([0, 20_000_000], pa.array(np.zeros(20_000_000, dtype=np.int8)))
        with pytest.raises(ServingError, match="more than 16000000 values"):
            decode(parquet_of(pa.table({"a": zeros})), "application/x-parquet", NESTED)

    def test_nested_columns_are_json(self) -> None:
        column = pa.array([[{"x": 1.5, "y": "t"}], None, []])
        for body in (ipc(pa.record_batch({"a": column})), parquet_of(pa.table({"a": column}))):
            form = "x-parquet" if body.startswith(b"PAR1") else "vnd.apache.arrow.stream"
            assert decode(body, f"application/{form}", NESTED)["a"].tolist() == ['[{"x":1.5,"y":"t"}]', None, "[]"]

    @pytest.mark.parametrize(
        "column",
        [pa.array([["a"]], pa.list_(pa.string_view())), pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int8()))],
        ids=["views", "map"],
    )
    def test_what_shares_its_bytes_in_other_ways_is_refused(self, column: Any) -> None:
        with pytest.raises(InvalidInput, match="inside of a column is no input of a model"):
            decode(ipc(pa.record_batch({"a": column})), "application/vnd.apache.arrow.stream", NESTED)

    def test_offsets_that_point_out_of_their_buffers_are_refused(self) -> None:
        right, wrong = (struct.pack("<3i", 0, 1, end) for end in (4, 2**30))
        body = ipc(pa.record_batch({"t": pa.array(["a", "bcd"])}))
        assert body.count(right) == 1

        with pytest.raises(InvalidInput, match="the body is not Arrow"):
            decode(body.replace(right, wrong), "application/vnd.apache.arrow.stream", UNKNOWN)

    def test_a_small_body_of_very_many_rows_is_refused_before_they_are_read(self) -> None:
        zeros = pa.table({"a": pa.array(np.zeros(60_000_000, dtype=np.int8))})
        sink = io.BytesIO()
        pyarrow.parquet.write_table(zeros, sink, compression="zstd")
        assert len(sink.getvalue()) < 500_000
        with pytest.raises(ServingError, match="more than 16000000 values") as caught:
            decode(sink.getvalue(), "application/x-parquet", UNKNOWN)
        assert caught.value.kind is Kind.TOO_LARGE

    def test_a_type_that_no_model_takes_is_refused(self) -> None:
        body = parquet(pd.DataFrame({"a": pd.to_timedelta([1, 2], unit="s")}))
        with pytest.raises(InvalidInput, match="column 'a': the type duration"):
            decode(body, "application/x-parquet", UNKNOWN)

    def test_without_pyarrow_the_missing_extra_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def absent(name: str) -> Any:
            raise ImportError(name)

        monkeypatch.setattr(importlib, "import_module", absent)
        with pytest.raises(MissingExtra, match=r"modelyard-serving\[frames\]"):
            decode(b"", "application/x-parquet", FRAME)
