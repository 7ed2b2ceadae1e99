"""The body of an infer call: each rule of the protocol's request, and what is said of a wrong one."""

import contextlib
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard_serving.errors import InvalidInput
from modelyard_serving.protocol.datatypes import Datatype
from modelyard_serving.protocol.messages import InferRequest, RequestedOutput
from modelyard_serving.protocol.rest_request import RestReader, read_raw
from modelyard_serving.signature import Signature, TensorSpec


def tensor(**fields: Any) -> dict[str, Any]:
    return {"name": "x", "shape": [2], "datatype": "FP64", "data": [1, 2], **fields}


def read(body: Any, blob: bytes | None = None) -> InferRequest:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    if blob is None:
        return RestReader().read(text)
    return RestReader().read(text + blob, json_length=len(text))


class TestJson:
    def test_a_request_is_read_whole(self) -> None:
        request = read(
            {
                "id": "seven",
                "parameters": {"priority": 1},
                "inputs": [tensor()],
                "outputs": [{"name": "y", "parameters": {"binary_data": True, "classification": 2}}],
            }
        )
        assert request.id == "seven"
        assert request.parameters == {"priority": 1}
        assert request.outputs == (RequestedOutput("y", binary=True, classification=2),)
        assert request.inputs[0].datatype is Datatype.FP64
        assert request.inputs[0].array.tolist() == [1.0, 2.0]

    def test_what_is_absent_stays_absent(self) -> None:
        request = read({"inputs": [tensor()]})
        assert (request.id, request.outputs, dict(request.parameters)) == (None, None, {})

    def test_unknown_fields_are_nobodys_business(self) -> None:
        assert read({"inputs": [tensor(more=[[1]])], "extra": {"a": [1]}}).inputs[0].name == "x"

    @pytest.mark.parametrize(
        ("body", "reported"),
        [
            (b"", "the body is not JSON: no JSON found"),
            (b"{", "the body is not JSON"),
            (b"[]", "the body must be a JSON object with inputs"),
            (b'{"inputs": [\xff]}', "the body is not UTF-8"),
            (b"[" * 250_000 + b"]" * 250_000, "The JSON document was too deep"),
            ({}, "inputs is missing"),
            ({"inputs": 5}, "inputs must be a list of tensors"),
            ({"inputs": [5]}, "each of inputs must be an object"),
            ({"inputs": [tensor(name=None)]}, "each input needs a name"),
            ({"inputs": [tensor(datatype="FLOAT")]}, "datatype must be one of BOOL, .*, BYTES, not 'FLOAT'"),
            ({"inputs": [tensor(datatype={})]}, "not an object"),
            ({"inputs": [tensor(shape=None)]}, "shape must be a list of whole numbers"),
            ({"inputs": [tensor(shape=[-1])]}, "each dimension of shape must be a whole number of at least 0"),
            ({"inputs": [tensor(shape=[2.0])]}, "each dimension of shape must be a whole number of at least 0"),
            ({"inputs": [tensor(shape=[True])]}, "each dimension of shape must be a whole number of at least 0"),
            ({"inputs": [tensor(shape=[2**62, 4])]}, "too many elements"),
            ({"inputs": [tensor(data=None)]}, "data is missing"),
            ({"inputs": [tensor(parameters=5)]}, "parameters of input 'x' must be an object"),
            ({"id": 5, "inputs": [tensor()]}, "id must be a string"),
            ({"inputs": [tensor()], "outputs": {}}, "outputs must be a list"),
            ({"inputs": [tensor()], "outputs": [{}]}, "each of outputs must be an object with a name"),
            (
                {"inputs": [tensor()], "outputs": [{"name": "y", "parameters": {"binary_data": 1}}]},
                "binary_data must be",
            ),
            (
                {"inputs": [tensor()], "outputs": [{"name": "y", "parameters": {"classification": -1}}]},
                "classification",
            ),
        ],
    )
    def test_a_wrong_body_is_reported_in_one_sentence(self, body: Any, reported: str) -> None:
        with pytest.raises(InvalidInput, match=reported):
            read(body)

    @pytest.mark.parametrize("data", [[1.0, [2.0]], [1.0, [2.0, 3.0], []], [[1.0], [[2.0]]], [[1.0, [2.0]]]])
    def test_no_element_hides_a_list(self, data: list[Any]) -> None:
        shape = [len(data)] if not isinstance(data[0], list) else [len(data), len(data[0])]
        with pytest.raises(InvalidInput):
            read({"inputs": [tensor(shape=shape, data=data)]})

    @pytest.mark.parametrize(
        ("shape", "data"),
        [
            ([1] * 100, [1.0]),
            ([1] * 900, json.loads("[" * 900 + "1" + "]" * 900)),
            ([2**62] * 200_000, [1.0]),
        ],
        ids=["flat", "nested", "a product that would take an hour"],
    )
    def test_a_tensor_of_very_many_dimensions_is_refused_at_once(self, shape: list[int], data: Any) -> None:
        with pytest.raises(InvalidInput, match="expected at most 32 dimensions"):
            read({"inputs": [tensor(shape=shape, data=data)]})

    def test_brackets_elsewhere_are_no_lists(self) -> None:
        request = read({"id": "[[", "inputs": [tensor(shape=[1, 2], data=[[1, 2]])], "extra": [[]]})
        assert request.inputs[0].array.tolist() == [[1.0, 2.0]]

    def test_bare_nan_and_infinity_are_read_as_tritons_clients_write_them(self) -> None:
        array = read(b'{"inputs": [{"name": "x", "shape": [2], "datatype": "FP32", "data": [NaN, -Infinity]}]}')
        assert np.isnan(array.inputs[0].array[0])
        assert array.inputs[0].array[1] == -np.inf

    def test_a_document_that_is_still_held_does_not_break_the_next_request(self) -> None:
        callback = RestReader()
        body = json.dumps({"inputs": [tensor()]}).encode()
        held = callback._parse(body)
        assert callback.read(body).inputs[0].array.tolist() == [1.0, 2.0]
        assert held["inputs"][0]["name"] == "x"

    @given(
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        )
    )
    def test_no_json_breaks_it(self, content: Any) -> None:
        for body in (content, {"inputs": content}, {"inputs": [content]}, {"inputs": [tensor(data=content)]}):
            with contextlib.suppress(InvalidInput):
                read(json.dumps(body).encode("utf-8", "surrogatepass"))

    @given(st.binary(max_size=200))
    def test_no_bytes_break_it(self, body: bytes) -> None:
        with pytest.raises(InvalidInput):
            read(body)


class TestBinary:
    def test_binary_and_json_tensors_may_be_mixed(self) -> None:
        binary = tensor(name="b", parameters={"binary_data_size": 16})
        del binary["data"]
        request = read({"inputs": [tensor(), binary]}, np.array([3.0, 4.0]).tobytes())
        assert [part.array.tolist() for part in request.inputs] == [[1.0, 2.0], [3.0, 4.0]]

    @pytest.mark.parametrize(
        ("size", "blob", "reported"),
        [
            (16, b"\0" * 15, "expecting 1 additional bytes"),
            (16, b"\0" * 17, "unexpected additional input data: 1 bytes"),
            (15, b"\0" * 15, "needs 16 bytes, but 15 came"),
            (-1, b"", "binary_data_size must be a whole number of at least 0"),
            ("16", b"\0" * 16, "binary_data_size must be a whole number of at least 0"),
            (2**70, b"", "not JSON that is read here: Big integer"),
        ],
    )
    def test_sizes_that_disagree_are_refused(self, size: Any, blob: bytes, reported: str) -> None:
        binary = tensor(parameters={"binary_data_size": size})
        del binary["data"]
        with pytest.raises(InvalidInput, match=reported):
            read({"inputs": [binary]}, blob)

    def test_a_binary_tensor_needs_the_header(self) -> None:
        binary = tensor(parameters={"binary_data_size": 16})
        del binary["data"]
        with pytest.raises(InvalidInput, match="Inference-Header-Content-Length is missing"):
            read({"inputs": [binary]})

    def test_a_tensor_has_data_or_is_binary(self) -> None:
        with pytest.raises(InvalidInput, match="has both data and binary_data_size"):
            read({"inputs": [tensor(parameters={"binary_data_size": 16})]}, b"\0" * 16)

    @given(st.binary(max_size=100), st.integers(0, 100))
    def test_no_split_of_bytes_breaks_it(self, body: bytes, at: int) -> None:
        with pytest.raises(InvalidInput):
            RestReader().read(body, json_length=min(at, len(body)))


def signature(*specs: TensorSpec) -> Signature:
    return Signature(inputs=specs, outputs=())


class TestRaw:
    def test_the_body_is_the_one_input_and_its_size_says_how_many_rows(self) -> None:
        request = read_raw(np.arange(6.0).tobytes(), signature(TensorSpec("x", Datatype.FP64, (-1, 3))))
        assert request.inputs[0].array.tolist() == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
        assert request.parameters["binary_data_output"] is True

    def test_a_string_is_the_body_itself(self) -> None:
        request = read_raw(b"hello", signature(TensorSpec("x", Datatype.BYTES, (-1, 1))))
        assert request.inputs[0].array.tolist() == [["hello"]]

    @pytest.mark.parametrize(
        ("specs", "reported"),
        [
            (
                (TensorSpec("x", Datatype.FP64, (-1,)), TensorSpec("y", Datatype.FP64, (-1,))),
                "needs a model of one input",
            ),
            ((TensorSpec("x", Datatype.FP64, (-1, -1)),), "at most one variable dimension"),
            ((TensorSpec("x", Datatype.FP64, (-1, 2)),), "8 bytes are not a multiple of 16"),
            ((TensorSpec("x", Datatype.FP64, (2,)),), "8 bytes are not a multiple of 16"),
            ((TensorSpec("x", Datatype.FP32, (1,)),), "needs 4 bytes, but 8 came"),
        ],
    )
    def test_what_is_not_plain_is_refused(self, specs: tuple[TensorSpec, ...], reported: str) -> None:
        with pytest.raises(InvalidInput, match=reported):
            read_raw(b"\0" * 8, signature(*specs))
