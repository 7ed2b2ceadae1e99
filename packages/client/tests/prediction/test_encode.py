import json
from datetime import date, datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard_client.errors import Invalid
from modelyard_client.prediction.encode import body
from modelyard_client.prediction.rows import inputs_of


class TestBody:
    @given(values=st.lists(st.floats(allow_nan=False, allow_infinity=False) | st.integers() | st.text()))
    def test_each_value_comes_back_to_the_last_digit(self, values: list[object]) -> None:
        assert json.loads(body({"inputs": {"x": values}})) == {"inputs": {"x": values}}

    def test_missing_values_of_all_kinds_are_null(self) -> None:
        frame = pd.DataFrame(
            {
                "float": [1.5, np.nan],
                "integer": pd.array([1, None], dtype="Int64"),
                "time": [pd.Timestamp("2026-11-21T10:00:00"), pd.NaT],
                "text": ["a", None],
            }
        )
        assert json.loads(body({"inputs": inputs_of(frame)}))["inputs"] == {
            "float": [1.5, None],
            "integer": [1, None],
            "time": ["2026-11-21T10:00:00", None],
            "text": ["a", None],
        }

    def test_arrays_become_lists_in_which_nan_is_null(self) -> None:
        array = np.array([[1.0, np.nan], [3.0, 4.0]], dtype=np.float32)
        assert json.loads(body({"inputs": array})) == {"inputs": [[1.0, None], [3.0, 4.0]]}

    def test_scalars_of_numpy_are_numbers(self) -> None:
        assert json.loads(body({"inputs": {"a": [np.int64(3), np.float64(0.1), np.array([1]) > 0]}})) == {
            "inputs": {"a": [3, 0.1, [True]]}
        }

    def test_dates_are_iso_8601(self) -> None:
        moments = [date(2026, 11, 21), datetime(2026, 11, 21, 10)]  # noqa: DTZ001  # Data often has no zone.
        assert json.loads(body({"inputs": {"a": moments}}))["inputs"]["a"] == ["2026-11-21", "2026-11-21T10:00:00"]

    @pytest.mark.parametrize("value", [float("inf"), np.float64("-inf"), np.array([np.inf])])
    def test_an_infinite_number_is_refused(self, value: object) -> None:
        with pytest.raises(Invalid, match="an infinite number has no JSON form"):
            body({"inputs": {"a": [value]}})

    @pytest.mark.parametrize("value", [Decimal("0.1"), b"bytes", {1}])
    def test_what_json_cannot_tell_is_refused(self, value: object) -> None:
        with pytest.raises(Invalid, match="has no JSON form"):
            body({"inputs": {"a": [value]}})
