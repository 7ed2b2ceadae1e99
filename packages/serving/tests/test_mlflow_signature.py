from typing import Any

import orjson
import pytest

from modelyard_serving.errors import InvalidModel
from modelyard_serving.mlflow_signature import MlflowSignature
from modelyard_serving.protocol.datatypes import Datatype
from modelyard_serving.signature import InputKind, TensorSpec


def _parse(
    inputs: list[Any] | None, outputs: list[Any] | None = None, params: list[Any] | None = None
) -> MlflowSignature:
    fields = {"inputs": inputs, "outputs": outputs, "params": params}
    return MlflowSignature.parse({k: None if v is None else orjson.dumps(v).decode() for k, v in fields.items()})


def _tensor(dtype: str, shape: list[int], **rest: Any) -> dict[str, Any]:
    return {"type": "tensor", "tensor-spec": {"dtype": dtype, "shape": shape}, **rest}


class TestColumns:
    @pytest.mark.parametrize(
        ("type_name", "datatype", "logical_type"),
        [
            ("boolean", Datatype.BOOL, None),
            ("integer", Datatype.INT32, None),
            ("long", Datatype.INT64, None),
            ("float", Datatype.FP32, None),
            ("double", Datatype.FP64, None),
            ("string", Datatype.BYTES, "string"),
            ("binary", Datatype.BYTES, "binary"),
            ("datetime", Datatype.BYTES, "datetime"),
            ("any", Datatype.BYTES, "json"),
        ],
    )
    def test_each_type_has_its_datatype(self, type_name: str, datatype: Datatype, logical_type: str | None) -> None:
        parsed = _parse([{"type": type_name, "name": "c", "required": True}])
        assert parsed.signature.inputs == (TensorSpec("c", datatype, (-1,), logical_type=logical_type),)
        assert parsed.signature.kind is InputKind.FRAME

    def test_a_column_that_is_not_required_is_optional(self) -> None:
        assert _parse([{"type": "long", "name": "c", "required": False}]).signature.inputs[0].optional

    def test_nested_types_travel_as_json(self) -> None:
        column = {"type": "array", "items": {"type": "double"}, "name": "embedding", "required": True}
        assert _parse([column]).signature.inputs[0].logical_type == "json"

    def test_integer_labels_are_kept_for_the_frame_and_reported_as_text(self) -> None:
        parsed = _parse([{"type": "double", "name": 0}, {"type": "double", "name": 1}])
        assert [spec.name for spec in parsed.signature.inputs] == ["0", "1"]
        assert parsed.column_labels == (0, 1)

    def test_an_unknown_type_is_refused(self) -> None:
        with pytest.raises(InvalidModel, match="column 'c' has an unknown type 'decimal'"):
            _parse([{"type": "decimal", "name": "c"}])


class TestTensors:
    def test_an_unnamed_tensor_is_called_input_and_an_unnamed_output_predictions(self) -> None:
        signature = _parse([_tensor("float64", [-1, 30])], [_tensor("int64", [-1])]).signature
        assert signature.inputs == (TensorSpec("input", Datatype.FP64, (-1, 30)),)
        assert signature.outputs == (TensorSpec("predictions", Datatype.INT64, (-1,)),)
        assert signature.kind is InputKind.TENSORS

    def test_named_tensors_keep_their_names(self) -> None:
        signature = _parse([_tensor("float32", [-1, 8], name="a"), _tensor("int8", [-1], name="b")]).signature
        assert [(spec.name, spec.datatype) for spec in signature.inputs] == [("a", Datatype.FP32), ("b", Datatype.INT8)]

    @pytest.mark.parametrize("dtype", ["str", "object", "bytes"])
    def test_texts_are_bytes(self, dtype: str) -> None:
        assert _parse([_tensor(dtype, [-1])]).signature.inputs[0].datatype is Datatype.BYTES

    def test_a_dtype_that_the_protocol_cannot_carry_is_refused(self) -> None:
        with pytest.raises(InvalidModel, match="complex128, which the protocol cannot carry"):
            _parse([_tensor("complex128", [-1])])

    def test_a_tensor_without_a_shape_is_refused(self) -> None:
        with pytest.raises(InvalidModel, match="needs a 'dtype' and a 'shape'"):
            _parse([{"type": "tensor", "tensor-spec": {"dtype": "float64"}}])


class TestSignature:
    def test_parameters_come_with_their_defaults(self) -> None:
        params = [{"name": "alpha", "type": "double", "default": 0.5, "shape": None}]
        assert _parse([{"type": "double", "name": "c"}], None, params).signature.params == {"alpha": 0.5}

    def test_without_inputs_nothing_is_declared(self) -> None:
        assert not _parse(None, [_tensor("int64", [-1])]).signature.is_declared

    def test_one_unnamed_column_of_any_type_declares_nothing(self) -> None:
        signature = _parse([{"type": "any", "required": True}]).signature
        assert (signature.inputs, signature.is_declared) == ((), False)

    @pytest.mark.parametrize("text", ["{", "3", '["a"]'])
    def test_a_schema_that_is_no_schema_is_refused(self, text: str) -> None:
        with pytest.raises(InvalidModel, match="the signature's 'inputs'"):
            MlflowSignature.parse({"inputs": text})
