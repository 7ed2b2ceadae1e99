"""What becomes of each type of column."""

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from modelyard_client.errors import Invalid
from modelyard_client.prediction.frames.columns import tensors_of
from modelyard_client.prediction.schema import Schema, Tensor


def sent(column: Any, datatype: str) -> list[Any]:
    """What goes to a model that declares this datatype."""
    schema = Schema("m", None, (Tensor("x", datatype, (-1,)),), (), ())
    (tensor,) = tensors_of(pd.DataFrame({"x": column}), schema)
    assert tensor.datatype == datatype
    return list(tensor.elements)


class TestNumbers:
    @pytest.mark.parametrize(
        "column",
        [
            [1, 2],
            [1.0, 2.0],
            np.array([1, 2], dtype="uint8"),
            np.array([1, 2], dtype="float32"),
            pd.array([1, 2], dtype="Int16"),
            pd.array([1.0, 2.0], dtype="Float64"),
            pd.Series([1, 2], dtype=object),
            pd.Categorical([1, 2]),
            pd.array([1, 2], dtype="int64[pyarrow]"),
        ],
    )
    @pytest.mark.parametrize("datatype", ["FP64", "FP32", "INT64", "UINT8"])
    def test_whole_numbers_are_the_same_whatever_holds_them(self, column: Any, datatype: str) -> None:
        assert sent(column, datatype) == [1, 2]

    @pytest.mark.parametrize(
        "column",
        [[1.5, None], pd.array([1.5, None], dtype="Float64"), pd.Series([1.5, None], dtype=object)],
    )
    def test_missing_numbers_are_nan(self, column: Any) -> None:
        first, second = sent(column, "FP64")

        assert first == 1.5
        assert np.isnan(second)

    @pytest.mark.parametrize(
        "column",
        [[1, None], pd.array([1, None], dtype="Int64"), pd.Series([1, None], dtype=object)],
    )
    def test_missing_whole_numbers_are_null(self, column: Any) -> None:
        assert sent(column, "INT64") == [1, None]

    @pytest.mark.parametrize(
        ("column", "datatype", "row"),
        [
            ([1.0, 2.5], "INT64", 1),
            ([1, 300], "UINT8", 1),
            ([-1, 1], "UINT64", 0),
            ([1, 2**53 + 1], "FP64", 1),
            ([1, 2**24 + 1], "FP32", 1),
            ([1.0, 1e300], "FP32", 1),
            (pd.Series([1, "2"], dtype=object), "FP64", 1),
            (pd.Series([1, True], dtype=object), "INT64", 1),
            (pd.Series([1, 2**70], dtype=object), "FP64", 1),
        ],
    )
    def test_what_a_datatype_cannot_hold_is_refused_with_its_row(self, column: Any, datatype: str, row: int) -> None:
        with pytest.raises(Invalid, match=rf"column 'x', row {row}: expected .*\({datatype}\), got"):
            sent(column, datatype)

    @pytest.mark.parametrize(
        "column", [["1", "2"], [True, False], pd.to_datetime(["2026-01-01"]), pd.Categorical(["a"])]
    )
    def test_nothing_is_parsed_out_of_another_type(self, column: Any) -> None:
        with pytest.raises(Invalid, match=r"column 'x'.*expected a number"):
            sent(column, "FP64")


class TestBooleans:
    @pytest.mark.parametrize("column", [[True, None], pd.array([True, None], dtype="boolean")])
    def test_missing_ones_are_null(self, column: Any) -> None:
        assert sent(column, "BOOL") == [True, None]

    @pytest.mark.parametrize("column", [[0, 1], ["true", "false"]])
    def test_nothing_else_is_one(self, column: Any) -> None:
        with pytest.raises(Invalid, match="expected true or false"):
            sent(column, "BOOL")


class TestTexts:
    @pytest.mark.parametrize(
        "column",
        [
            ["Ulm", None],
            pd.Series(["Ulm", None], dtype=object),
            pd.array(["Ulm", None], dtype="string"),
            pd.Categorical(["Ulm", None]),
        ],
    )
    def test_missing_ones_are_null(self, column: Any) -> None:
        assert sent(column, "BYTES") == ["Ulm", None]

    def test_moments_are_iso_8601_in_utc_where_they_have_a_zone(self) -> None:
        moments = pd.to_datetime(["2026-03-01 12:00:00.5", None])

        assert sent(moments, "BYTES") == ["2026-03-01T12:00:00.500000", None]
        assert sent(moments.tz_localize("Europe/Berlin"), "BYTES") == ["2026-03-01T11:00:00.500000+00:00", None]
        assert sent(pd.to_datetime(["2026-03-01 12:00:00.000000001"]), "BYTES") == ["2026-03-01T12:00:00.000000001"]
        assert sent([date(2026, 3, 1)], "BYTES") == ["2026-03-01"]

    def test_lists_and_dicts_are_json(self) -> None:
        assert sent([{"a": [1, "ü"]}, [np.array([1, 2])]], "BYTES") == ['{"a": [1, "ü"]}', "[[1, 2]]"]

    @pytest.mark.parametrize("column", [[1, 2], [1.5], [True], pd.Series(["x", 1], dtype=object)])
    def test_numbers_are_no_text(self, column: Any) -> None:
        with pytest.raises(Invalid, match=r"expected text \(BYTES\)"):
            sent(column, "BYTES")


class TestNames:
    def test_two_columns_of_one_name_are_refused(self) -> None:
        schema = Schema("m", None, (), (), ())

        with pytest.raises(Invalid, match="two columns are named 'x'"):
            tensors_of(pd.DataFrame([[1, 2]], columns=["x", "x"]), schema)

    def test_a_model_that_declares_nothing_gets_the_columns_as_they_are(self) -> None:
        frame = pd.DataFrame({"a": [1.5], "b": [2], "c": ["x"], "d": [True]})

        assert {tensor.name: tensor.datatype for tensor in tensors_of(frame, Schema("m", None, (), (), ()))} == {
            "a": "FP64",
            "b": "INT64",
            "c": "BYTES",
            "d": "BOOL",
        }
