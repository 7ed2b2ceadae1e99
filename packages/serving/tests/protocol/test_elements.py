"""The `data` of JSON tensors: what JSON carries exactly arrives exactly, and an element that does not fit is reported
by its position."""

import json
import math
from typing import Any

import numpy as np
import pytest
import simdjson
from hypothesis import given
from hypothesis import strategies as st

from modelyard_serving.errors import InvalidInput
from modelyard_serving.protocol.datatypes import Datatype
from modelyard_serving.protocol.elements import elements

INTEGERS = [datatype for datatype in Datatype if datatype.numpy_dtype.kind in "iu" and datatype is not Datatype.BF16]


def read(data: Any, datatype: Datatype, shape: tuple[int, ...], **options: bool) -> Any:
    parsed = simdjson.Parser().parse(json.dumps(data).encode())
    return elements(parsed, datatype=datatype, shape=shape, name="x", **options)


class TestNumbers:
    @given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
    def test_fp64_keeps_every_bit(self, values: list[float]) -> None:
        assert read(values, Datatype.FP64, (len(values),)).tolist() == values

    @given(st.sampled_from(INTEGERS), st.data())
    def test_integers_in_range_come_as_they_are(self, datatype: Datatype, data: st.DataObject) -> None:
        limits = np.iinfo(datatype.numpy_dtype)  # type: ignore[type-var]  # It is an integer's.
        values = data.draw(st.lists(st.integers(int(limits.min), int(limits.max)), min_size=1))
        array = read(values, datatype, (len(values),))
        assert array.dtype == datatype.numpy_dtype
        assert array.tolist() == values

    @pytest.mark.parametrize("datatype", [Datatype.FP32, Datatype.FP64, Datatype.INT8, Datatype.UINT64])
    @pytest.mark.parametrize("sign", [1, -1])
    def test_a_whole_number_that_is_larger_than_any_float_is_refused(self, datatype: Datatype, sign: int) -> None:
        with pytest.raises(InvalidInput, match=r"'x'.*1"):
            elements([[1], [sign * 10**400]], datatype=datatype, shape=(2, 1), name="x")

    @pytest.mark.parametrize("datatype", INTEGERS)
    @pytest.mark.parametrize("side", ["min", "max"])
    def test_an_integer_past_the_end_is_refused_and_never_wrapped(self, datatype: Datatype, side: str) -> None:
        limits = np.iinfo(datatype.numpy_dtype)  # type: ignore[type-var]  # As above.
        value = int(limits.min) - 1 if side == "min" else int(limits.max) + 1
        if -(2**63) <= value < 2**64:
            with pytest.raises(InvalidInput, match=rf"element 1 must be a whole number .*, not {value}"):
                read([0, value], datatype, (2,))

    def test_a_whole_number_with_a_point_is_an_integer(self) -> None:
        assert read([3.0, 4], Datatype.INT64, (2,)).tolist() == [3, 4]

    def test_a_fraction_is_not_an_integer(self) -> None:
        with pytest.raises(InvalidInput, match=r"element 0 must be a whole number .*, not 3\.5"):
            read([3.5], Datatype.INT64, (1,))

    def test_a_number_too_large_for_fp32_is_refused(self) -> None:
        with pytest.raises(InvalidInput, match=r"element 1 must be a number that fits FP32, not 1e\+300"):
            read([1.0, 1e300], Datatype.FP32, (2,))

    def test_null_is_nan_for_floats(self) -> None:
        array = read([1.0, None], Datatype.FP32, (2,))
        assert array.dtype == np.float32
        assert math.isnan(array[1])

    @pytest.mark.parametrize("datatype", [Datatype.INT8, Datatype.UINT64, Datatype.BOOL])
    def test_null_among_whole_numbers_is_left_to_the_contract(self, datatype: Datatype) -> None:
        assert read([1, None], datatype, (2,)).tolist() == [1, None]

    def test_named_floats_are_the_json_of_protobuf(self) -> None:
        array = read(["NaN", "Infinity", "-Infinity"], Datatype.FP64, (3,))
        assert math.isnan(array[0])
        assert array.tolist()[1:] == [math.inf, -math.inf]

    @pytest.mark.parametrize("value", ["a", True, {}, "nan"])
    def test_what_is_no_number_is_refused_by_its_place(self, value: Any) -> None:
        with pytest.raises(InvalidInput, match=r"input 'x': element 1 must be a number that fits FP64, not "):
            read([1.0, value], Datatype.FP64, (2,))

    @pytest.mark.parametrize("datatype", [Datatype.FP16, Datatype.BF16])
    def test_half_precision_does_not_travel_as_json(self, datatype: Datatype) -> None:
        with pytest.raises(InvalidInput, match="send it as a binary tensor"):
            read([1.0], datatype, (1,))


class TestOtherDatatypes:
    def test_booleans_may_be_0_and_1(self) -> None:
        assert read([True, 0, 1, False], Datatype.BOOL, (4,)).tolist() == [True, False, True, False]

    @pytest.mark.parametrize("value", [2, "true", 1.0])
    def test_other_values_are_no_booleans(self, value: Any) -> None:
        with pytest.raises(InvalidInput, match="element 0 must be true or false"):
            read([value], Datatype.BOOL, (1,))

    @given(st.lists(st.text(), min_size=1))
    def test_strings_come_as_they_are(self, values: list[str]) -> None:
        try:
            "".join(values).encode()
        except UnicodeEncodeError:
            return  # Half of a surrogate pair is not a character, and no UTF-8.
        assert read(values, Datatype.BYTES, (len(values),)).tolist() == values

    def test_base64_carries_bytes_that_are_not_utf8(self) -> None:
        assert read(["/w==", "aGk="], Datatype.BYTES, (2,), is_base64=True).tolist() == [b"\xff", "hi"]

    def test_what_is_not_base64_is_refused(self) -> None:
        with pytest.raises(InvalidInput, match="element 0 must be a string"):
            read(["%"], Datatype.BYTES, (1,), is_base64=True)

    def test_a_number_is_no_string(self) -> None:
        with pytest.raises(InvalidInput, match="element 1 must be a string, not 5"):
            read(["a", 5], Datatype.BYTES, (2,))


class TestShape:
    @given(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    def test_nested_and_flat_data_are_the_same(self, shape: list[int]) -> None:
        array = np.arange(math.prod(shape), dtype=np.int64).reshape(shape)
        for data in (array.tolist(), array.ravel().tolist()):
            assert np.array_equal(read(data, Datatype.INT64, tuple(shape)), array)

    def test_a_scalar_is_one_element_without_dimensions(self) -> None:
        assert read([7], Datatype.INT64, ()).shape == ()

    def test_no_elements_are_an_empty_tensor(self) -> None:
        assert read([], Datatype.FP64, (0, 30)).shape == (0, 30)

    @pytest.mark.parametrize(
        ("data", "shape"),
        [
            ([1.0, 2.0], (1, 3)),
            ([1.0, 2.0, 3.0, 4.0], (1, 3)),
            ([], (1,)),
            ([1.0], (2**60, 2)),
        ],
    )
    def test_another_count_is_reported_with_both_numbers(self, data: list[float], shape: tuple[int, ...]) -> None:
        with pytest.raises(InvalidInput, match=rf"needs {math.prod(shape)} elements, but data has {len(data)}"):
            read(data, Datatype.FP64, shape)

    @pytest.mark.parametrize(
        "data", [[[1.0, 2.0], [3.0]], [[1.0], [2.0], [3.0]], [[1.0, 2.0], 3.0], [[[1.0, 2.0, 3.0]]]]
    )
    def test_data_nested_otherwise_than_its_shape_is_refused(self, data: list[Any]) -> None:
        with pytest.raises(InvalidInput, match="neither flat nor nested as its shape"):
            read(data, Datatype.FP64, (1, 3))

    def test_data_must_be_a_list(self) -> None:
        with pytest.raises(InvalidInput, match="data must be a list, not 5"):
            read(5, Datatype.FP64, (1,))

    def test_a_shape_without_elements_may_still_be_too_large(self) -> None:
        with pytest.raises(InvalidInput, match="too large"):
            read([], Datatype.FP64, (0, 2**62))
