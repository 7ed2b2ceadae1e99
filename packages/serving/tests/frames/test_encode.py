import numpy as np
import orjson
import pytest

from modelyard_serving.frames import encode_predictions
from modelyard_serving.protocol.datatypes import Datatype
from modelyard_serving.runtimes.base import Tensors
from modelyard_serving.signature import Signature, TensorSpec

SIGNATURE = Signature(
    inputs=(),
    outputs=(TensorSpec("label", Datatype.INT64, (-1,)), TensorSpec("scores", Datatype.FP64, (-1, 2), optional=True)),
)


def reported(outputs: Tensors) -> object:
    return orjson.loads(encode_predictions(outputs, SIGNATURE))


class TestEncodePredictions:
    def test_the_first_output_alone_is_the_predictions(self) -> None:
        assert reported({"label": np.array([0, 1])}) == {"predictions": [0, 1]}

    def test_with_others_every_output_is_there_by_name_too(self) -> None:
        outputs = {"label": np.array([1]), "scores": np.array([[0.25, 0.75]])}
        assert reported(outputs) == {"predictions": [1], "outputs": {"label": [1], "scores": [[0.25, 0.75]]}}

    def test_without_the_first_output_there_are_no_predictions(self) -> None:
        assert reported({"scores": np.array([[0.25, 0.75]])}) == {"outputs": {"scores": [[0.25, 0.75]]}}

    @pytest.mark.parametrize(
        ("array", "expected"),
        [
            (np.array([np.nan, np.inf, 1.5]), [None, None, 1.5]),
            (np.array([True, False]), [True, False]),
            (np.array(["a", None, b"\x00\xff"], dtype=object), ["a", None, "AP8="]),
            (np.array([1.5], dtype=np.float16), [1.5]),
            (np.array([[1, 2], [3, 4]]).T, [[1, 3], [2, 4]]),
            (np.array([2**64 - 1], dtype=np.uint64), [2**64 - 1]),
            (np.array([0.1], dtype=np.float32), [0.1]),
        ],
    )
    def test_each_kind_of_value_has_its_json(self, array: np.ndarray, expected: list[object]) -> None:
        assert reported({"label": array}) == {"predictions": expected}
