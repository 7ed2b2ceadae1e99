"""The model configuration extension, as performance analysers read it."""

from modelyard_serving.protocol.configuration import LARGEST_BATCH, configuration
from modelyard_serving.protocol.datatypes import Datatype
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
            "max_batch_size": LARGEST_BATCH,
            "input": [{"name": "x", "data_type": "TYPE_FP32", "dims": [3]}],
            "output": [{"name": "y", "data_type": "TYPE_STRING", "dims": [1]}],
        }

    def test_columns_are_told_dimension_by_dimension(self) -> None:
        signature = Signature(
            inputs=(TensorSpec("a", Datatype.INT64, (-1,), optional=True),),
            outputs=(TensorSpec("y", Datatype.FP64, (-1,)),),
        )
        told = configuration(name="m", platform="sklearn_pickle", signature=signature)
        assert told["max_batch_size"] == 0
        assert told["input"] == [{"name": "a", "data_type": "TYPE_INT64", "dims": [-1], "optional": True}]
