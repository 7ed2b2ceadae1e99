"""From what a model gave to an answer: order, datatypes, classification."""

import numpy as np
import pytest

from modelyard_serving.errors import InvalidInput, Kind, ServingError
from modelyard_serving.protocol.datatypes import Datatype
from modelyard_serving.protocol.messages import InferRequest, RequestedOutput
from modelyard_serving.protocol.response_builder import ResponseBuilder
from modelyard_serving.signature import Signature, TensorSpec

SIGNATURE = Signature(
    inputs=(),
    outputs=(
        TensorSpec("label", Datatype.INT64, (-1,)),
        TensorSpec("scores", Datatype.FP32, (-1, 3)),
        TensorSpec("extra", Datatype.FP32, (-1,), optional=True),
    ),
)
ANSWERER = ResponseBuilder("m", "1", SIGNATURE)
RESULT = {
    "scores": np.array([[0.25, 0.5, 0.125]], dtype=np.float32),
    "label": np.array([1]),
    "extra": np.zeros(1, dtype=np.float32),
}


def requested(*outputs: RequestedOutput) -> InferRequest:
    return InferRequest([], outputs=outputs)


class TestAnswerer:
    def test_all_outputs_but_the_optional_ones_come_by_default_in_the_signatures_order(self) -> None:
        answer = ANSWERER.build(RESULT, InferRequest([], id="7"))
        assert [tensor.name for tensor in answer.outputs] == ["label", "scores"]
        assert answer.id == "7"

    def test_wanted_outputs_come_in_the_wanted_order(self) -> None:
        answer = ANSWERER.build(RESULT, requested(RequestedOutput("extra"), RequestedOutput("label")))
        assert [tensor.name for tensor in answer.outputs] == ["extra", "label"]

    def test_a_missing_output_is_the_models_fault(self) -> None:
        with pytest.raises(ServingError, match="no output 'scores'") as raised:
            ANSWERER.build({"label": RESULT["label"]}, InferRequest([]))
        assert raised.value.kind is Kind.INTERNAL

    def test_another_datatype_than_declared_is_reported_as_it_is(self) -> None:
        answer = ANSWERER.build({**RESULT, "label": np.array([1], dtype=np.int32)}, InferRequest([]))
        assert answer.outputs[0].datatype is Datatype.INT32

    def test_foreign_byte_orders_and_strides_are_made_plain(self) -> None:
        scores = np.array([[1.0, 2.0], [3.0, 4.0]], dtype=">f4").T
        tensor = ANSWERER.build({**RESULT, "scores": scores}, InferRequest([])).outputs[1]
        assert tensor.array.flags.c_contiguous
        assert tensor.array.dtype == np.dtype("<f4")
        assert tensor.array.tolist() == [[1.0, 3.0], [2.0, 4.0]]

    def test_dates_are_iso_8601(self) -> None:
        dates = np.array(["2026-11-21T10:00"], dtype="datetime64[s]")
        tensor = ANSWERER.build({**RESULT, "label": dates}, InferRequest([])).outputs[0]
        assert (tensor.datatype, tensor.array.tolist()) == (Datatype.BYTES, ["2026-11-21T10:00:00"])

    def test_what_no_protocol_carries_is_the_models_fault(self) -> None:
        with pytest.raises(ServingError, match="'label' has a type that the protocol cannot carry"):
            ANSWERER.build({**RESULT, "label": np.array([1j])}, InferRequest([]))


class TestClassification:
    def test_the_largest_come_first_with_their_places(self) -> None:
        tensor = ANSWERER.build(RESULT, requested(RequestedOutput("scores", classification=2))).outputs[0]
        assert tensor.datatype is Datatype.BYTES
        assert tensor.array.tolist() == [["0.500000:1", "0.250000:0"]]

    def test_there_are_never_more_than_there_are_classes(self) -> None:
        tensor = ANSWERER.build(RESULT, requested(RequestedOutput("scores", classification=9))).outputs[0]
        assert tensor.array.shape == (1, 3)

    def test_strings_cannot_be_classified(self) -> None:
        result = {**RESULT, "label": np.array(["a"], dtype=object)}
        with pytest.raises(InvalidInput, match="only numbers can be classified"):
            ANSWERER.build(result, requested(RequestedOutput("label", classification=1)))
