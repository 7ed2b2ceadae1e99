import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard_client.errors import Invalid
from modelyard_client.prediction.cells import typed


class TestDeclared:
    @pytest.mark.parametrize(
        ("datatype", "cells", "values"),
        [
            ("FP64", ["5", "0.1", None, " 1e-3"], [5.0, 0.1, None, 0.001]),
            ("INT64", ["5", "-3", "3.0", "9007199254740993"], [5, -3, 3, 9007199254740993]),
            ("BOOL", ["true", "False", "1", "0"], [True, False, True, False]),
            ("BYTES", ["007", "1.0", None], ["007", "1.0", None]),
        ],
    )
    def test_cells_are_read_as_the_model_declares(
        self, datatype: str, cells: list[str | None], values: list[object]
    ) -> None:
        read = typed({"x": cells}, {"x": datatype})["x"]
        assert read == values
        assert [type(value) for value in read] == [type(value) for value in values]

    @pytest.mark.parametrize(
        ("datatype", "cell", "expected"),
        [
            ("INT32", "3.5", "a whole number"),
            ("INT64", "1_000", "a whole number"),
            ("INT64", "inf", "a whole number"),
            ("FP32", "1_000", "a number"),
            ("FP32", "cook", "a number"),
            ("BOOL", "yes", "true or false"),
        ],
    )
    def test_a_cell_of_another_kind_is_named_with_its_row(self, datatype: str, cell: str, expected: str) -> None:
        with pytest.raises(Invalid) as caught:
            typed({"age": ["1", cell]}, {"age": datatype})
        assert caught.value.message == f"column 'age', row 2: expected {expected} ({datatype}), got {cell!r}"
        assert caught.value.field == "age"


class TestInferred:
    @given(numbers=st.lists(st.integers()))
    def test_whole_numbers_stay_whole(self, numbers: list[int]) -> None:
        assert typed({"x": [str(number) for number in numbers]}, {})["x"] == numbers

    @given(numbers=st.lists(st.floats(allow_infinity=False), min_size=1))
    def test_numbers_keep_their_last_digit(self, numbers: list[float]) -> None:
        read = typed({"x": [repr(number) for number in numbers]}, {})["x"]
        assert all(a == b or (math.isnan(a) and math.isnan(b)) for a, b in zip(read, numbers, strict=True))

    @pytest.mark.parametrize(
        ("cells", "values"),
        [
            (["1", None, "2"], [1, None, 2]),
            (["1", "0.5", ".5", "2."], [1.0, 0.5, 0.5, 2.0]),
            (["true", "FALSE", None], [True, False, None]),
            (["007", "008"], ["007", "008"]),
            (["1", "cook"], ["1", "cook"]),
            (["1_000"], ["1_000"]),
            ([None, None], [None, None]),
        ],
    )
    def test_a_column_is_what_all_its_cells_look_like(self, cells: list[str | None], values: list[object]) -> None:
        read = typed({"x": cells}, {})["x"]
        assert read == values
        assert [type(value) for value in read] == [type(value) for value in values]
