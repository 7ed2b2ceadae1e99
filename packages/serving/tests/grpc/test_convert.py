"""Messages to requests and answers to messages."""

import contextlib
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from modelyard_serving.errors import InvalidInput
from modelyard_serving.grpc.convert import read_request, write_response
from modelyard_serving.protocol.datatypes import Datatype
from modelyard_serving.protocol.messages import InferResponse, Tensor
from modelyard_serving.protocol.proto import open_inference_pb2 as pb

TYPED = [datatype for datatype in Datatype if datatype not in (Datatype.FP16, Datatype.BF16)]
CONTENTS = {
    "BOOL": "bool_contents", "INT8": "int_contents", "INT16": "int_contents", "INT32": "int_contents",
    "INT64": "int64_contents", "UINT8": "uint_contents", "UINT16": "uint_contents", "UINT32": "uint_contents",
    "UINT64": "uint64_contents", "FP32": "fp32_contents", "FP64": "fp64_contents", "BYTES": "bytes_contents",
}  # fmt: skip


@st.composite
def tensors(draw: st.DrawFn, datatypes: Sequence[Datatype]) -> Tensor:
    """A tensor of any datatype and a small shape."""
    datatype = draw(st.sampled_from(datatypes))
    shape = draw(nps.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
    if datatype is Datatype.BYTES:
        count = math.prod(shape)
        array = np.empty(count, dtype=object)
        array[:] = draw(st.lists(st.text(max_size=5) | st.just(b"\xff"), min_size=count, max_size=count))
        return Tensor("t", datatype, array.reshape(shape))
    return Tensor("t", datatype, draw(nps.arrays(datatype.numpy_dtype, shape)))


def _request_of(answer: bytes) -> pb.ModelInferRequest:
    """An answer's outputs as a request's inputs: the fields are the same."""
    response = pb.ModelInferResponse.FromString(answer)
    request = pb.ModelInferRequest(raw_input_contents=response.raw_output_contents)
    for output in response.outputs:
        request.inputs.append(pb.ModelInferRequest.InferInputTensor.FromString(output.SerializeToString()))
    return request


def _typed(datatype: str, shape: list[int], **contents: Any) -> pb.ModelInferRequest:
    request = pb.ModelInferRequest(model_name="m")
    tensor = request.inputs.add(name="x", datatype=datatype, shape=shape)
    for field, values in contents.items():
        getattr(tensor.contents, field).extend(values)
    return request


class TestTensors:
    @given(tensor=tensors(list(Datatype)))
    def test_a_tensor_survives_the_raw_form(self, tensor: Tensor) -> None:
        self._survives(tensor, is_raw=True)

    @given(tensor=tensors(TYPED))
    def test_a_tensor_survives_the_typed_form(self, tensor: Tensor) -> None:
        self._survives(tensor, is_raw=False)

    def _survives(self, tensor: Tensor, *, is_raw: bool) -> None:
        answer = write_response(InferResponse("m", "1", [tensor]), is_raw=is_raw)
        (actual,) = read_request(_request_of(answer)).inputs

        assert (actual.name, actual.datatype, actual.array.shape) == (tensor.name, tensor.datatype, tensor.array.shape)
        assert actual.array.dtype == tensor.array.dtype
        np.testing.assert_array_equal(actual.array, tensor.array)

    @pytest.mark.parametrize("datatype", [Datatype.FP16, Datatype.BF16])
    def test_half_precision_is_answered_raw_however_one_asked(self, datatype: Datatype) -> None:
        tensor = Tensor("t", datatype, np.ones(2, datatype.numpy_dtype))
        answer = pb.ModelInferResponse.FromString(write_response(InferResponse("m", "1", [tensor]), is_raw=False))

        assert len(answer.raw_output_contents[0]) == 4


class TestRefusals:
    @pytest.mark.parametrize("shape", [[1] * 100, [2**62] * 200_000])
    def test_a_tensor_of_very_many_dimensions_is_refused_at_once(self, shape: list[int]) -> None:
        with pytest.raises(InvalidInput, match="expected at most 32 dimensions"):
            read_request(_typed("FP64", shape, fp64_contents=[1.0]))

    @pytest.mark.parametrize(
        ("request_", "reported"),
        [
            (_typed("FP32", [2], fp64_contents=[1.0, 2.0]), "expected fp32_contents, not fp64_contents"),
            (_typed("FP32", [2], fp32_contents=[1.0], int_contents=[1]), "expected fp32_contents"),
            (_typed("FP32", [2], fp32_contents=[1.0]), "needs 2 elements, but 1 came"),
            (_typed("FP32", [-1], fp32_contents=[1.0]), "must be at least 0"),
            (_typed("FP32", [2**62, 4], fp32_contents=[1.0]), "too many elements"),
            (_typed("FP32", [2**62], fp32_contents=[1.0]), "needs 4611686018427387904 elements"),
            (_typed("FLOAT", [1], fp32_contents=[1.0]), "must be one of BOOL"),
            (_typed("fp32", [1], fp32_contents=[1.0]), "must be one of BOOL"),
            (_typed("FP16", [1], fp32_contents=[1.0]), "has no typed contents"),
            (_typed("INT8", [2], int_contents=[1, 300]), "element 1 must be a whole number from -128 to 127"),
            (_typed("UINT16", [1], uint_contents=[65_536]), "from 0 to 65535"),
        ],
    )
    def test_what_cannot_be_a_tensor_is_refused_with_its_name(
        self, request_: pb.ModelInferRequest, reported: str
    ) -> None:
        with pytest.raises(InvalidInput, match="'x'") as caught:
            read_request(request_)

        assert reported in caught.value.message

    def test_an_input_without_a_name_is_refused(self) -> None:
        request = pb.ModelInferRequest()
        request.inputs.add(datatype="FP32", shape=[0])

        with pytest.raises(InvalidInput, match="name"):
            read_request(request)

    def test_raw_contents_must_be_as_many_as_inputs_and_alone(self) -> None:
        request = _typed("FP32", [1], fp32_contents=[1.0])
        request.raw_input_contents.append(b"\0\0\0\0")
        with pytest.raises(InvalidInput, match="beside raw_input_contents"):
            read_request(request)

        request.raw_input_contents.append(b"\0\0\0\0")
        with pytest.raises(InvalidInput, match="one entry for each of 1 inputs, not 2"):
            read_request(request)

    @given(data=st.binary(max_size=200))
    def test_messages_of_any_bytes_are_read_or_refused(self, data: bytes) -> None:
        with contextlib.suppress(DecodeError, InvalidInput):
            assert read_request(pb.ModelInferRequest.FromString(data)).parameters is not None


class TestParameters:
    def test_all_five_kinds_are_read(self) -> None:
        request = pb.ModelInferRequest()
        request.parameters["a"].bool_param = True
        request.parameters["b"].int64_param = -1
        request.parameters["c"].string_param = "s"
        request.parameters["d"].double_param = 0.5
        request.parameters["e"].uint64_param = 2**64 - 1

        assert read_request(request).parameters == {"a": True, "b": -1, "c": "s", "d": 0.5, "e": 2**64 - 1}

    def test_an_id_is_kept_and_its_absence_too(self) -> None:
        assert read_request(pb.ModelInferRequest(id="7")).id == "7"
        assert read_request(pb.ModelInferRequest()).id is None
        named = pb.ModelInferResponse.FromString(write_response(InferResponse("m", "1", [], "7"), is_raw=True))
        assert (named.id, named.model_name, named.model_version) == ("7", "m", "1")

    def test_requested_outputs_are_read_with_their_classification(self) -> None:
        request = pb.ModelInferRequest()
        request.outputs.add(name="y").parameters["classification"].int64_param = 3

        outputs = read_request(request).outputs
        assert outputs is not None
        assert (outputs[0].name, outputs[0].classification) == ("y", 3)
