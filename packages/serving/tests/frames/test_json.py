from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard_serving.errors import InvalidInput, Kind, ServingError
from modelyard_serving.frames import PredictRequest, decode_predict
from modelyard_serving.protocol.datatypes import Datatype
from modelyard_serving.signature import InputKind, Signature, TensorSpec

FRAME = Signature(
    inputs=(
        TensorSpec("size", Datatype.FP64, (-1,)),
        TensorSpec("rooms", Datatype.INT32, (-1,)),
        TensorSpec("town", Datatype.BYTES, (-1,), logical_type="string"),
        TensorSpec("is_new", Datatype.BOOL, (-1,), optional=True),
        TensorSpec("floor", Datatype.INT64, (-1,), optional=True),
    ),
    outputs=(TensorSpec("predictions", Datatype.FP64, (-1,)), TensorSpec("probabilities", Datatype.FP64, (-1, 2))),
    kind=InputKind.FRAME,
    params={"alpha": 0.5},
)
NUMBERS = Signature(
    inputs=tuple(TensorSpec(name, Datatype.FP64, (-1,)) for name in "abc"), outputs=(), kind=InputKind.FRAME
)
ARRAY = Signature(inputs=(TensorSpec("input", Datatype.FP64, (-1, 3)),), outputs=())
TWO_TENSORS = Signature(
    inputs=(TensorSpec("image", Datatype.UINT8, (-1, 2, 2)), TensorSpec("age", Datatype.FP32, (-1,))), outputs=()
)
GOOD: dict[str, list[Any]] = {
    "size": [1, 2.5],
    "rooms": [3, 4.0],
    "town": ["Ulm", "Köln"],
    "is_new": [True, False],
    "floor": [0, -1],
}


def decode(signature: Signature, **fields: Any) -> PredictRequest:
    return decode_predict(orjson.dumps(fields, option=orjson.OPT_SERIALIZE_NUMPY), "application/json", signature)


def refusal(signature: Signature, **fields: Any) -> str:
    with pytest.raises(InvalidInput) as caught:
        decode(signature, **fields)
    return caught.value.message


class TestFormsOfAFrame:
    def _is_good(self, request: PredictRequest) -> None:
        assert {name: values.tolist() for name, values in request.inputs.items()} == GOOD
        assert request.inputs["size"].dtype == np.float64
        assert request.inputs["rooms"].dtype == np.int32
        assert request.inputs["town"].dtype == object
        assert request.inputs["is_new"].dtype == np.bool_

    def test_columns(self) -> None:
        self._is_good(decode(FRAME, inputs=GOOD))

    @pytest.mark.parametrize("form", ["inputs", "instances", "dataframe_records"])
    def test_records(self, form: str) -> None:
        self._is_good(decode(FRAME, **{form: [{name: GOOD[name][row] for name in GOOD} for row in (0, 1)]}))

    @pytest.mark.parametrize("form", ["inputs", "instances"])
    def test_rows_in_the_order_of_the_signature(self, form: str) -> None:
        self._is_good(decode(FRAME, **{form: [list(row) for row in zip(*GOOD.values(), strict=True)]}))

    def test_a_split_frame_in_any_order_with_an_index(self) -> None:
        names = list(reversed(GOOD))
        data = [[GOOD[name][row] for name in names] for row in (0, 1)]
        self._is_good(decode(FRAME, dataframe_split={"columns": names, "data": data, "index": [7, 8]}))

    def test_a_split_frame_without_columns_is_rows(self) -> None:
        self._is_good(decode(FRAME, dataframe_split={"data": [list(row) for row in zip(*GOOD.values(), strict=True)]}))

    def test_one_record(self) -> None:
        request = decode(FRAME, inputs={name: values[0] for name, values in GOOD.items()})
        assert {name: values.tolist() for name, values in request.inputs.items()} == {n: v[:1] for n, v in GOOD.items()}

    def test_a_wide_frame_is_read_as_a_narrow_one(self) -> None:
        specs = tuple(TensorSpec(f"c{index}", Datatype.FP64, (-1,)) for index in range(400))
        request = decode(
            Signature(inputs=specs, outputs=(), kind=InputKind.FRAME), inputs={s.name: [1, 2] for s in specs}
        )
        assert all(values.tolist() == [1.0, 2.0] for values in request.inputs.values())

    @pytest.mark.parametrize("split", [False, True])
    def test_rows_of_plain_numbers_are_contiguous_columns(self, *, split: bool) -> None:
        rows = [[1, 2, 3], [4, 5, 6.5]]
        fields: dict[str, Any] = (
            {"dataframe_split": {"columns": list("bca"), "data": rows}} if split else {"inputs": rows}
        )
        inputs = decode(NUMBERS, **fields).inputs
        assert inputs["b"].tolist() == ([1, 4] if split else [2, 5])
        assert all(values.flags.c_contiguous for values in inputs.values())


class TestMissingValues:
    def test_a_missing_number_is_nan_and_a_missing_text_is_none(self) -> None:
        inputs = decode(FRAME, inputs={**GOOD, "size": [None, 1], "town": [None, "Ulm"]}).inputs
        assert np.isnan(inputs["size"][0])
        assert inputs["town"].tolist() == [None, "Ulm"]

    def test_a_missing_whole_number_or_boolean_makes_an_object_column_where_it_may_be_missing(self) -> None:
        inputs = decode(FRAME, inputs={**GOOD, "floor": [None, 2], "is_new": [True, None]}).inputs
        assert inputs["floor"].tolist() == [None, 2]
        assert inputs["is_new"].tolist() == [True, None]
        assert {inputs["floor"].dtype.kind, inputs["is_new"].dtype.kind} == {"O"}

    def test_a_missing_whole_number_is_refused_where_it_may_not_be_missing(self) -> None:
        message = refusal(FRAME, inputs={**GOOD, "rooms": [3, None]})
        assert message == "column 'rooms', row 1: expected a whole number (INT32), got null"

    def test_an_optional_column_may_be_left_out(self) -> None:
        inputs = decode(FRAME, inputs={name: GOOD[name] for name in ("size", "rooms", "town")}).inputs
        assert list(inputs) == ["size", "rooms", "town"]

    def test_a_record_may_lack_an_optional_column_and_no_other(self) -> None:
        first, second = ({name: GOOD[name][row] for name in GOOD} for row in (0, 1))
        del second["floor"]
        assert decode(FRAME, inputs=[first, second]).inputs["floor"].tolist() == [0, None]
        del second["rooms"]
        assert refusal(FRAME, inputs=[first, second]) == "row 1: missing input 'rooms'"


class TestWrongColumns:
    @pytest.mark.parametrize(
        ("name", "values", "message"),
        [
            ("size", [1, "x"], "column 'size', row 1: expected a number (FP64), got \"x\""),
            ("size", [True, 1], "column 'size', row 0: expected a number (FP64), got true"),
            ("size", [[1], 2], "column 'size', row 0: expected a number (FP64), got [1]"),
            ("size", [1, [2]], "column 'size', row 1: expected a number (FP64), got [2]"),
            ("rooms", [1, 2.5], "column 'rooms', row 1: expected a whole number (INT32), got 2.5"),
            (
                "rooms",
                [1, 2**31],
                "column 'rooms', row 1: expected a whole number from -2147483648 to 2147483647 (INT32), got 2147483648",
            ),
            ("rooms", ["3", 4], "column 'rooms', row 0: expected a whole number (INT32), got \"3\""),
            ("town", ["Ulm", 3], "column 'town', row 1: expected a string (BYTES), got 3"),
            ("is_new", [1, 0], "column 'is_new', row 0: expected true or false (BOOL), got 1"),
        ],
    )
    def test_a_value_of_another_type_names_column_and_row(self, name: str, values: list[Any], message: str) -> None:
        assert refusal(FRAME, inputs={**GOOD, name: values}) == message

    def test_a_long_value_is_shortened_in_the_message(self) -> None:
        assert len(refusal(FRAME, inputs={**GOOD, "rooms": ["x" * 10_000, 1]})) < 150

    def test_an_unknown_column_lists_the_known(self) -> None:
        message = refusal(FRAME, inputs={**GOOD, "sizes": [1, 2]})
        assert message == "unknown input 'sizes'; expected 'size', 'rooms', 'town', 'is_new', 'floor'"

    def test_missing_columns_are_all_named(self) -> None:
        assert refusal(FRAME, inputs={"rooms": [1], "is_new": [True]}) == "missing input 'size', 'town'"

    def test_columns_of_different_lengths_are_reported(self) -> None:
        message = refusal(FRAME, inputs={**GOOD, "rooms": [1, 2, 3]})
        assert message.startswith("all inputs need the same number of rows: 'size' has 2, 'rooms' has 3")

    def test_arrays_and_single_values_do_not_mix(self) -> None:
        message = refusal(FRAME, inputs={**GOOD, "rooms": 3})
        assert message.endswith("'size' has an array, 'rooms' has 3")

    def test_a_name_that_is_there_twice_is_refused(self) -> None:
        with pytest.raises(InvalidInput, match="'inputs': a name is there more than once"):
            decode_predict(b'{"inputs": {"a": [1], "b": [1], "c": [1], "a": [2]}}', None, NUMBERS)

    @pytest.mark.parametrize(
        "rows", [[[1, 2, 3], [4, 5]], [[1, 2], [3, 4, 5, 6]], [[1, 2, 3], [4, 5, [6]]], [[1, 2, 3], 4]]
    )
    def test_rows_that_are_not_as_long_as_the_frame_is_wide_are_refused(self, rows: list[Any]) -> None:
        assert "row" in refusal(NUMBERS, inputs=rows)

    @pytest.mark.parametrize("inputs", [[], {}, {"a": [], "b": [], "c": []}, [[]]])
    def test_no_rows_are_refused(self, inputs: Any) -> None:
        assert refusal(NUMBERS, inputs=inputs)

    def test_records_that_would_fill_the_memory_with_nothing_are_refused(self) -> None:
        records: list[dict[str, int]] = [{f"c{index}": 1 for index in range(1000)}, *([{}] * 60_000)]
        with pytest.raises(ServingError, match="more than 16000000 values") as caught:
            decode(NUMBERS, inputs=records)
        assert caught.value.kind is Kind.TOO_LARGE


class TestTensors:
    def test_rows_are_the_only_tensor_named_or_not(self) -> None:
        for inputs in ([[1, 2, 3]], {"input": [[1, 2, 3]]}):
            (values,) = decode(ARRAY, inputs=inputs).inputs.values()
            assert values.tolist() == [[1.0, 2.0, 3.0]]
            assert values.dtype == np.float64

    def test_as_many_columns_as_the_array_is_wide_are_taken_in_their_order(self) -> None:
        request = decode(ARRAY, inputs={"z": [1, 4], "y": [2, 5], "x": [3, 6]})
        assert request.inputs["input"].tolist() == [[1, 2, 3], [4, 5, 6]]

    def test_several_tensors_come_by_name(self) -> None:
        inputs = decode(TWO_TENSORS, inputs={"age": [1.5], "image": [[[1, 2], [3, 255]]]}).inputs
        assert inputs["image"].tolist() == [[[1, 2], [3, 255]]]
        assert [values.dtype.name for values in inputs.values()] == ["uint8", "float32"]

    def test_records_of_tensors_are_stacked(self) -> None:
        request = decode(
            TWO_TENSORS, instances=[{"age": 1, "image": [[1, 2], [3, 4]]}, {"age": 2, "image": [[0, 0], [0, 0]]}]
        )
        assert request.inputs["image"].shape == (2, 2, 2)

    @pytest.mark.parametrize(
        ("inputs", "message"),
        [
            ([[1, 2]], "input 'input': expected shape [-1, 3], got [1, 2]"),
            ([1, 2, 3], "input 'input': expected shape [-1, 3], got [3]"),
            ([[[1, 2, 3]]], "input 'input': expected shape [-1, 3], got [1, 1, 3]"),
            ([[1, 2, 3], [1, 2]], "input 'input': rows at depth 1 differ in length: [2, 3]"),
            ([[1, 2, 3], [1, 2, "x"]], "input 'input' at [1, 2]: expected a number (FP64), got \"x\""),
            ([[1, 2, 3], [1, 2, [3]]], "input 'input' at [1, 2]: expected a number (FP64), got [3]"),
            ([[1, 2, 3], [[], [1, 2], 3]], "input 'input' at [1, 0]: expected a number (FP64), got []"),
            ([[1, 2, 3], 4], "input 'input': arrays and single values are mixed at depth 1"),
            (
                {"a": [1], "b": [2]},
                "'inputs': expected 'input' of shape [-1, 3], or 3 columns, got the columns 'a', 'b'",
            ),
        ],
    )
    def test_another_shape_or_value_is_refused(self, inputs: Any, message: str) -> None:
        assert refusal(ARRAY, inputs=inputs) == message

    def test_a_value_out_of_the_range_of_its_datatype_is_refused(self) -> None:
        message = refusal(TWO_TENSORS, inputs={"age": [1], "image": [[[1, 2], [3, 256]]]})
        assert message == "input 'image' at [0, 1, 1]: expected a whole number from 0 to 255 (UINT8), got 256"
        assert "in the range (FP32), got 1e+39" in refusal(
            TWO_TENSORS, inputs={"age": [1e39], "image": [[[1, 2], [3, 4]]]}
        )

    def test_several_tensors_do_not_come_as_rows(self) -> None:
        assert "expected an object with ['image', 'age'], got an array" in refusal(TWO_TENSORS, inputs=[[1, 2]])

    @given(
        rows=st.lists(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=3, max_size=3), min_size=1)
    )
    def test_every_finite_number_arrives_bit_for_bit(self, rows: list[list[float]]) -> None:
        np.testing.assert_array_equal(decode(ARRAY, inputs=rows).inputs["input"], np.array(rows))

    @given(
        document=st.recursive(
            st.none()
            | st.booleans()
            | st.integers(-(2**63), 2**64 - 1)
            | st.floats(allow_nan=False)
            | st.text(max_size=3),
            lambda inner: (
                st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "c", "input"]), inner)
            ),
            max_leaves=12,
        )
    )
    def test_any_json_is_tensors_of_the_signature_or_a_refusal(self, document: Any) -> None:
        for signature in (NUMBERS, ARRAY, TWO_TENSORS, FRAME):
            try:
                request = decode(signature, inputs=document)
            except InvalidInput:
                continue
            for spec in signature.inputs:
                if spec.name in request.inputs:
                    assert request.inputs[spec.name].dtype in (spec.datatype.numpy_dtype, object)
                    assert request.inputs[spec.name].ndim == len(spec.shape)


class TestLogicalTypes:
    SIGNATURE = Signature(
        inputs=(
            TensorSpec("photo", Datatype.BYTES, (-1,), logical_type="binary"),
            TensorSpec("tags", Datatype.BYTES, (-1,), logical_type="json"),
        ),
        outputs=(),
        kind=InputKind.FRAME,
    )

    def test_binary_comes_as_base64_and_nested_values_as_they_are(self) -> None:
        inputs = decode(self.SIGNATURE, inputs=[{"photo": "AP8=", "tags": ["a", {"b": 1}]}]).inputs
        assert inputs["photo"].tolist() == [b"\x00\xff"]
        assert inputs["tags"].tolist() == ['["a",{"b":1}]']

    def test_text_that_is_not_base64_is_refused(self) -> None:
        message = refusal(self.SIGNATURE, inputs=[{"photo": "not base64!", "tags": 1}])
        assert message == "column 'photo', row 0: expected base64 text (BYTES), got \"not base64!\""


class TestUndeclared:
    UNKNOWN = Signature(inputs=(), outputs=(), is_declared=False)
    NAMES = Signature(
        inputs=(TensorSpec("a", Datatype.FP64, (-1,)), TensorSpec("b", Datatype.FP64, (-1,))),
        outputs=(),
        kind=InputKind.FRAME,
        is_declared=False,
    )

    def test_columns_have_the_type_of_their_values(self) -> None:
        inputs = decode(self.UNKNOWN, inputs={"a": [1, 2], "b": [1, None], "c": ["x", None], "d": [True, False]}).inputs
        assert [values.dtype.kind for values in inputs.values()] == ["i", "f", "O", "b"]

    def test_names_that_are_known_are_enforced_and_types_are_not(self) -> None:
        assert decode(self.NAMES, inputs={"a": ["x"], "b": [1]}).inputs["a"].tolist() == ["x"]
        assert refusal(self.NAMES, inputs={"a": ["x"], "c": [1]}) == "unknown input 'c'; expected 'a', 'b'"

    def test_rows_are_one_tensor_of_any_regular_shape(self) -> None:
        assert decode(self.UNKNOWN, inputs=[[1, 2], [3, 4]]).inputs["input"].shape == (2, 2)
        assert "differ in length" in refusal(self.UNKNOWN, inputs=[[1, 2], [3]])

    def test_a_mix_of_texts_and_numbers_is_refused(self) -> None:
        assert "got a mix of int, str" in refusal(self.UNKNOWN, inputs={"a": [1, "x"]})


class TestDepth:
    @pytest.mark.parametrize("depth", [33, 100, 1000])
    def test_arrays_of_very_many_levels_are_refused(self, depth: int) -> None:
        body = b'{"inputs":' + b"[" * depth + b"1" + b"]" * depth + b"}"
        unknown = Signature(inputs=(), outputs=(), is_declared=False)
        with pytest.raises(InvalidInput, match="expected at most 32 dimensions"):
            decode_predict(body, None, unknown)

    def test_a_nested_value_deeper_than_it_can_be_written_is_refused_with_its_row(self) -> None:
        spec = TensorSpec("a", Datatype.BYTES, (-1,), logical_type="json")
        signature = Signature(inputs=(spec,), outputs=(), kind=InputKind.FRAME)
        body = b'{"inputs":{"a":[1,' + b"[" * 500 + b"]" * 500 + b"]}}"
        with pytest.raises(InvalidInput, match="column 'a', row 1: expected JSON of at most 250 levels"):
            decode_predict(body, None, signature)


class TestEnvelope:
    def test_wanted_outputs_and_parameters_are_reported(self) -> None:
        request = decode(FRAME, inputs=GOOD, outputs=["probabilities"], params={"alpha": 1})
        assert request.outputs == ("probabilities",)
        assert request.parameters == {"alpha": 1}
        assert decode(FRAME, inputs=GOOD).outputs is None

    @pytest.mark.parametrize(
        ("fields", "message"),
        [
            ({"outputs": ["labels"]}, "unknown output 'labels'; the model has predictions, probabilities"),
            ({"outputs": ["predictions", "predictions"]}, "output 'predictions' is asked for more than once"),
            ({"outputs": "predictions"}, "'outputs': expected an array of names, got \"predictions\""),
            ({"outputs": []}, "'outputs': expected an array of names, got []"),
            ({"params": {"beta": 1}}, "unknown parameter 'beta'; the model declares alpha"),
            ({"params": [1]}, "'params': expected an object, got [1]"),
            ({"input": []}, "unknown field 'input'; expected one of inputs"),
            (
                {"instances": []},
                "expected exactly one of inputs, instances, dataframe_split, dataframe_records, got inputs",
            ),
        ],
    )
    def test_a_wrong_field_is_refused(self, fields: dict[str, Any], message: str) -> None:
        assert refusal(FRAME, inputs=GOOD, **fields).startswith(message)

    def test_a_body_without_data_is_refused(self) -> None:
        assert refusal(FRAME, params={}).endswith("got none")

    @pytest.mark.parametrize(
        "body", [b"", b"{", b"nope", b"\xff", b'{"inputs": [NaN]}', b"[" * 5000, b'{"inputs":[1e999]}']
    )
    def test_a_body_that_is_no_json_is_refused(self, body: bytes) -> None:
        with pytest.raises(InvalidInput, match="the body is not JSON"):
            decode_predict(body, None, FRAME)

    def test_a_body_that_is_no_object_is_refused(self) -> None:
        with pytest.raises(InvalidInput, match=r"expected a JSON object with one of inputs.*got \[1\]"):
            decode_predict(b"[1]", "application/json; charset=utf-8", FRAME)

    def test_another_content_type_is_not_supported(self) -> None:
        with pytest.raises(
            ServingError, match="content type 'text/html' is not read; expected application/json"
        ) as caught:
            decode_predict(b"", "text/html", FRAME)
        assert caught.value.kind is Kind.UNSUPPORTED


class TestOneTensor:
    SIGNATURE = Signature(
        inputs=(TensorSpec("a", Datatype.FP64, (-1,)), TensorSpec("b", Datatype.INT64, (-1,))),
        outputs=(),
        kind=InputKind.FRAME,
    )

    @pytest.mark.parametrize(
        "body",
        [
            b'{"inputs": {"input": [[1.5, 2], [3, 4]]}}',
            b'{"inputs": {"a": [[1.5], [3]], "b": [[2], [4]]}}',
        ],
    )
    def test_rows_under_one_name_and_columns_with_a_dimension_of_one_are_taken(self, body: bytes) -> None:
        inputs = decode_predict(body, None, self.SIGNATURE).inputs
        assert {name: column.tolist() for name, column in inputs.items()} == {"a": [1.5, 3.0], "b": [2, 4]}

    @pytest.mark.parametrize(
        ("body", "reported"),
        [
            (b'{"inputs": {"a": [[1.5, 2], [3, 4]]}}', "missing input 'b'"),
            (b'{"inputs": {"input": [[1.5, 2, 3]]}}', "unknown input 'input'; expected 'a', 'b'"),
            (b'{"inputs": {"a": [[1.5], [3, 4]], "b": [1, 2]}}', "column 'a', row 0: expected a number"),
        ],
    )
    def test_what_could_be_misread_is_not(self, body: bytes, reported: str) -> None:
        with pytest.raises(InvalidInput, match=reported):
            decode_predict(body, None, self.SIGNATURE)
