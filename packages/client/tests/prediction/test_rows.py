from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from modelyard_client.errors import Invalid
from modelyard_client.prediction.rows import inputs_of


class TestInputsOf:
    def test_columns_stay_columns(self) -> None:
        assert inputs_of({"age": [31, 45]}) == {"age": [31, 45]}

    def test_records_become_columns_with_nothing_where_a_record_has_no_value(self) -> None:
        assert inputs_of([{"age": 31}, {"age": 45, "job": "cook"}]) == {"age": [31, 45], "job": [None, "cook"]}

    @pytest.mark.parametrize("rows", [[[1, 2], [3, 4]], [1, 2], [], ((1, 2),)])
    def test_rows_without_names_stay_as_they_are(self, rows: Any) -> None:
        assert inputs_of(rows) is rows

    def test_a_frame_of_pandas_becomes_columns(self) -> None:
        frame = pd.DataFrame({"age": [31, 45], "job": ["cook", "smith"], 3: [0.5, 1.5]})
        assert inputs_of(frame) == {"age": [31, 45], "job": ["cook", "smith"], "3": [0.5, 1.5]}

    def test_an_arrow_table_becomes_columns(self) -> None:
        assert inputs_of(pa.table({"age": [31, None]})) == {"age": [31, None]}

    def test_an_array_stays_an_array(self) -> None:
        array = np.array([[1.0, 2.0]])
        assert inputs_of(array) is array

    def test_two_columns_of_one_name_are_refused(self) -> None:
        with pytest.raises(Invalid, match="two columns are named 'a'"):
            inputs_of(pd.DataFrame([[1, 2]], columns=["a", "a"]))

    def test_a_row_that_is_no_record_is_named(self) -> None:
        with pytest.raises(Invalid, match="row 1: expected a record like the rows before it, got list"):
            inputs_of([{"age": 31}, [45]])

    @pytest.mark.parametrize("rows", [3, "text", None])
    def test_what_has_no_rows_is_refused(self, rows: object) -> None:
        with pytest.raises(Invalid, match="expected columns, records, an array or a DataFrame"):
            inputs_of(rows)
