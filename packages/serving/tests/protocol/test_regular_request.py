"""Requests of the usual form: the fast reader reads what the careful one reads, or nothing."""

import json
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import simdjson
from hypothesis import example, given
from hypothesis import strategies as st

from modelyard_serving.errors import InvalidInput
from modelyard_serving.protocol import rest_request
from modelyard_serving.protocol.datatypes import Datatype
from modelyard_serving.protocol.messages import InferRequest, RequestedOutput
from modelyard_serving.protocol.regular_request import read_regular
from modelyard_serving.protocol.rest_request import RestReader

ROW = {"name": "x", "shape": [1, 2], "datatype": "FP64", "data": [1.5, 2]}


def regular(body: Any) -> InferRequest | None:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_regular(text, simdjson.Parser())


def seen(request: InferRequest) -> Any:
    """All of a request, comparable."""
    inputs = [(one.name, one.datatype, one.array.dtype, one.array.shape, one.array.tolist()) for one in request.inputs]
    return repr((inputs, request.id, dict(request.parameters), request.outputs))


def careful(text: bytes) -> Any:
    with patch.object(rest_request, "read_regular", lambda *_: None):
        try:
            return seen(RestReader().read(text))
        except InvalidInput as error:
            return error.message


values: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from([0, 1, -1, 2**31, 2**63, 2**64, 1.5, 1e300, True, None, "a", "1", "NaN", "[", "a:b", "ü", '"', []]),
    st.lists(st.integers(0, 3), max_size=2),
)
tensors = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["x", "y", "a:b", "ü", "[", "\\", 1]),
        "shape": st.sampled_from([[2], [1, 2], [2, 1], [0], [], [2.0], [-1], [True, 2], [2**63], [1] * 40, None]),
        "datatype": st.sampled_from([*Datatype, "FLOAT", 7]),
        "data": st.one_of(
            st.lists(values, max_size=3),
            st.lists(st.lists(values, max_size=2), max_size=2),
            st.sampled_from([5, "ab", None, {}]),
        ),
    },
    optional={"parameters": st.sampled_from([None, {}, {"content_type": "base64"}]), "more": values},
)
bodies = st.fixed_dictionaries(
    {"inputs": st.lists(tensors, max_size=3)},
    optional={
        "id": st.sampled_from(["seven", None, 7, "a:b"]),
        "outputs": st.lists(st.sampled_from([{"name": "y"}, {"name": "z"}, {"name": 1}, {}, 5]), max_size=2),
        "parameters": st.sampled_from([None, {}, {"priority": 1}]),
        "more": values,
    },
)


@st.composite
def texts(draw: st.DrawFn) -> bytes:
    """A request near the usual form: bytes may be doubled, dropped or replaced."""
    separators = draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,", " : ")]))
    text = json.dumps(draw(bodies), separators=separators, ensure_ascii=draw(st.booleans())).encode()
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(text) - 1))
        text = (
            text[:at]
            + draw(st.sampled_from([b"", b"[", b"]", b'"', b",", b"0", b"\xff", text[at : at + 9]]))
            + text[at + 1 :]
        )
    return text


class TestUsualForm:
    def test_a_row_is_read_in_one_step(self) -> None:
        request = regular({"id": "seven", "inputs": [ROW], "outputs": [{"name": "y"}]})
        assert request is not None
        assert request.inputs[0].array.tolist() == [[1.5, 2.0]]
        assert (request.id, request.outputs) == ("seven", (RequestedOutput("y"),))

    @pytest.mark.parametrize(
        ("datatype", "data"), [("FP32", [0.5, 1]), ("INT8", [-3, 4]), ("UINT64", [0, 2**64 - 1]), ("BYTES", ["a", "b"])]
    )
    def test_so_are_other_datatypes(self, datatype: str, data: list[Any]) -> None:
        request = regular({"inputs": [{**ROW, "datatype": datatype, "data": data}]})
        assert request is not None
        assert request.inputs[0].array.dtype == Datatype(datatype).numpy_dtype
        assert request.inputs[0].array.tolist() == [data]

    def test_so_are_rows_in_lists_of_their_own(self) -> None:
        request = regular({"inputs": [{**ROW, "shape": [2, 2], "data": [[1, 2], [3, 4]]}]})
        assert request is not None
        assert request.inputs[0].array.tolist() == [[1.0, 2.0], [3.0, 4.0]]

    @pytest.mark.parametrize(
        "body",
        [
            {"inputs": [{**ROW, "data": [1, [2]]}]},
            {"inputs": [{**ROW, "parameters": {"binary_data_size": 16}}]},
            {"inputs": [ROW], "more": 1},
            b'{"inputs":[{"name":"x","name":"y","shape":[1],"datatype":"FP64","data":[1]}]}',
            b'{"inputs":[],"id":"a","id":"b"}',
        ],
    )
    def test_everything_else_is_left_to_the_careful_reader(self, body: Any) -> None:
        assert regular(body) is None

    @given(texts())
    @example(b'{"inputs":[{"name":"x","shape":[0],"datatype":"FP16","data":[]}]}')
    @example(b'{"inputs" :[],"id":"a","id":"b"}')
    @example(json.dumps({"inputs": [{**ROW, "data": [1, [2]]}]}).encode())
    def test_what_it_reads_is_what_the_careful_reader_reads(self, text: bytes) -> None:
        request = regular(text)
        assert request is None or seen(request) == careful(text)

    def test_the_arrays_outlive_the_parser_and_the_next_request(self) -> None:
        reader = RestReader()
        first = reader.read(json.dumps({"inputs": [ROW]}).encode())
        reader.read(json.dumps({"inputs": [{**ROW, "data": [7, 8]}]}).encode())
        assert np.array_equal(first.inputs[0].array, [[1.5, 2.0]])
