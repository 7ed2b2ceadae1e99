"""The body of an answer: JSON and binary, in the order and the form that were asked for."""

import json
from typing import Any

import numpy as np
import pytest

from modelyard_serving.errors import InvalidInput
from modelyard_serving.protocol.binary import decode_tensor
from modelyard_serving.protocol.datatypes import Datatype
from modelyard_serving.protocol.messages import InferRequest, InferResponse, RequestedOutput, Tensor
from modelyard_serving.protocol.rest_response import encode_response


def response(*tensors: Tensor, identity: str | None = None) -> InferResponse:
    return InferResponse("m", "1", list(tensors), identity)


def fp64(name: str, *values: float) -> Tensor:
    return Tensor(name, Datatype.FP64, np.array(values))


def encode(answer: InferResponse, request: InferRequest | None = None) -> tuple[Any, bytes]:
    body, json_length = encode_response(answer, request or InferRequest([]))
    text = body if json_length is None else body[:json_length]
    return json.loads(text), b"" if json_length is None else body[json_length:]


class TestJson:
    def test_optional_fields_are_absent_and_never_null(self) -> None:
        body, _ = encode(response(fp64("y", 1.5)))
        assert body == {
            "model_name": "m",
            "model_version": "1",
            "outputs": [{"name": "y", "datatype": "FP64", "shape": [1], "data": [1.5]}],
        }

    def test_the_id_comes_back(self) -> None:
        assert encode(response(identity="a b"))[0]["id"] == "a b"

    def test_nan_is_null_and_infinity_is_named(self) -> None:
        body, _ = encode(response(fp64("y", float("nan"), float("inf"), float("-inf"), 1.0)))
        assert body["outputs"][0]["data"] == [None, "Infinity", "-Infinity", 1.0]

    def test_nan_alone_is_null(self) -> None:
        assert encode(response(fp64("y", float("nan"))))[0]["outputs"][0]["data"] == [None]

    def test_strings_are_strings(self) -> None:
        tensor = Tensor("y", Datatype.BYTES, np.array(["ä", b"b", None], dtype=object))
        assert encode(response(tensor))[0]["outputs"][0]["data"] == ["ä", "b", None]

    def test_bytes_that_are_not_utf8_make_the_tensor_base64(self) -> None:
        tensor = Tensor("y", Datatype.BYTES, np.array([b"\xff", "hi"], dtype=object))
        output = encode(response(tensor))[0]["outputs"][0]
        assert output["data"] == ["/w==", "aGk="]
        assert output["parameters"] == {"content_type": "base64"}

    @pytest.mark.parametrize("datatype", [Datatype.FP16, Datatype.BF16])
    def test_half_precision_must_be_asked_for_as_binary(self, datatype: Datatype) -> None:
        tensor = Tensor("y", datatype, np.zeros(1, dtype=datatype.numpy_dtype))
        with pytest.raises(InvalidInput, match="ask for it with binary_data true"):
            encode(response(tensor))


class TestBinary:
    def test_the_request_may_ask_for_all_and_an_output_for_its_own_form(self) -> None:
        request = InferRequest(
            [],
            parameters={"binary_data_output": True},
            outputs=(RequestedOutput("a"), RequestedOutput("b", binary=False), RequestedOutput("c", binary=True)),
        )
        body, blob = encode(response(fp64("a", 1.0), fp64("b", 2.0), fp64("c", 3.0, 4.0)), request)
        sizes = [output.get("parameters", {}).get("binary_data_size") for output in body["outputs"]]
        assert sizes == [8, None, 16]
        assert np.frombuffer(blob).tolist() == [1.0, 3.0, 4.0]

    def test_without_named_outputs_the_default_is_for_all(self) -> None:
        request = InferRequest([], parameters={"binary_data_output": True})
        body, blob = encode(response(fp64("a", 1.0)), request)
        assert "data" not in body["outputs"][0]
        assert len(blob) == 8

    def test_strings_have_their_lengths_before_them(self) -> None:
        tensor = Tensor("y", Datatype.BYTES, np.array(["ab", ""], dtype=object))
        _, blob = encode(response(tensor), InferRequest([], parameters={"binary_data_output": True}))
        assert decode_tensor(blob, datatype=Datatype.BYTES, shape=(2,), name="y").tolist() == ["ab", ""]
