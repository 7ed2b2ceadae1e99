"""The model configuration extension, as performance analysers read it."""

from google.protobuf.json_format import ParseDict

from modelyard_serving.protocol.configuration import MAX_BATCH_SIZE, configuration
from modelyard_serving.protocol.datatypes import Datatype
from modelyard_serving.protocol.proto import open_inference_pb2 as pb
from modelyard_serving.signature import Signature, TensorSpec


class TestConfiguration:
    def test_a_model_of_rows_takes_batches_and_tells_a_rows_shape(self) -> None:
        signature = Signature(
            inputs=(TensorSpec("x", Datatype.FP32, (-1, 3)),), outputs=(TensorSpec("y", Datatype.BYTES, (-1, 1)),)
        )
        assert configuration(name="m", platform="onnx_onnxv1", signature=signature) == {
            "name": "m",
            "platform": "onnx_onnxv1",
            "backend": "onnx",
            "max_batch_size": MAX_BATCH_SIZE,
            "input": [{"name": "x", "data_type": "TYPE_FP32", "dims": [3]}],
            "output": [{"name": "y", "data_type": "TYPE_STRING", "dims": [1]}],
        }

    def test_columns_are_batches_of_single_values(self) -> None:
        signature = Signature(
            inputs=(TensorSpec("a", Datatype.INT64, (-1,), optional=True),),
            outputs=(TensorSpec("y", Datatype.FP64, (-1,)),),
        )
        reported = configuration(name="m", platform="sklearn_pickle", signature=signature)
        assert reported["max_batch_size"] == MAX_BATCH_SIZE
        assert reported["input"] == [{"name": "a", "data_type": "TYPE_INT64", "dims": [], "optional": True}]

    def test_a_tensor_that_does_not_begin_with_the_rows_is_reported_dimension_by_dimension(self) -> None:
        signature = Signature(
            inputs=(TensorSpec("x", Datatype.FP32, (2, -1)),), outputs=(TensorSpec("y", Datatype.FP32, (-1,)),)
        )
        reported = configuration(name="m", platform="torch_exported", signature=signature)
        assert reported["max_batch_size"] == 0
        assert reported["input"] == [{"name": "x", "data_type": "TYPE_FP32", "dims": [2, -1]}]

    def test_outputs_that_come_only_by_name_are_not_reported_for_the_metadata_has_none_of_them(self) -> None:
        signature = Signature(
            inputs=(TensorSpec("x", Datatype.FP32, (-1, 3)),),
            outputs=(
                TensorSpec("y", Datatype.INT64, (-1,)),
                TensorSpec("probabilities", Datatype.FP64, (-1, 2), optional=True),
            ),
        )
        reported = configuration(name="m", platform="onnx_onnxv1", signature=signature)
        assert [tensor["name"] for tensor in reported["output"]] == ["y"]
        assert ParseDict(reported, pb.ModelConfig()).max_batch_size == MAX_BATCH_SIZE
