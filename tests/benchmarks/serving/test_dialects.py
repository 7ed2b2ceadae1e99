"""The requests of the benchmark, against our own reading of the protocol."""

from pathlib import Path

import numpy as np
import pytest
from benchmarks.serving.asking import is_right
from benchmarks.serving.cases import Case
from benchmarks.serving.dialects import Floor, Invocations, OpenInference, PlainJson, Request, floor_answer
from benchmarks.serving.errors import BenchmarkError
from benchmarks.serving.workloads import QUICK, WHOLE, Form, Workload

from modelyard_serving.grpc.convert import read_request
from modelyard_serving.protocol.proto import open_inference_pb2 as pb
from modelyard_serving.protocol.rest_request import RestReader

MATRIX = Case("logistic", Path(), [[1.5, 2.0], [3.0, 4.25]], "FP64", [1, 0])
TABLE = Case("mixed", Path(), {"age": [41.0, 22.5], "city": ["Lima", "Köln"]}, "FP64", [0, 1])
PROTOCOL = OpenInference(Form.JSON, Form.BINARY, Form.GRPC)


def _request(case: Case, form: Form, rows: int = 2) -> Request:
    request = PROTOCOL.request(case, form, rows)
    assert request is not None
    return request


class TestTheProtocolsRequests:
    @pytest.mark.parametrize("form", Form)
    def test_every_form_carries_the_same_rows(self, form: Form) -> None:
        request = _request(MATRIX, form)
        if form is Form.GRPC:
            read = read_request(pb.ModelInferRequest.FromString(request.body))
        else:
            length = request.headers.get("inference-header-content-length")
            read = RestReader().read(request.body, json_length=None if length is None else int(length))
        assert [tensor.name for tensor in read.inputs] == ["input"]
        np.testing.assert_array_equal(read.inputs[0].array, MATRIX.rows)

    @pytest.mark.parametrize("form", [Form.JSON, Form.BINARY])
    def test_a_table_is_one_tensor_for_each_column(self, form: Form) -> None:
        request = _request(TABLE, form, rows=1)
        length = request.headers.get("inference-header-content-length")
        read = RestReader().read(request.body, json_length=None if length is None else int(length))
        assert {tensor.name: tensor.array.tolist() for tensor in read.inputs} == {"age": [41.0], "city": ["Lima"]}

    def test_an_answer_of_one_column_is_one_value_for_each_row(self) -> None:
        request = _request(MATRIX, Form.JSON)
        answer = b'{"outputs": [{"name": "y", "datatype": "INT64", "shape": [2, 1], "data": [1, 0]}]}'
        assert request.read({}, answer) == [1, 0]


class TestOtherDialects:
    def test_those_without_a_protocol_have_json_only(self) -> None:
        plain = PlainJson("/predict", lambda answer: list(answer["predictions"]))
        assert plain.request(MATRIX, Form.GRPC, 1) is None
        assert Invocations().request(MATRIX, Form.BINARY, 1) is None
        request = plain.request(MATRIX, Form.JSON, 1)
        assert request is not None
        assert request.body == b'{"rows":[[1.5,2.0]]}'
        assert request.read({}, b'{"predictions": [1]}') == [1]

    def test_the_floor_gets_our_request_and_must_give_our_answers_bytes(self) -> None:
        request = Floor().request(MATRIX, Form.JSON, 2)
        assert request is not None
        assert request.body == _request(MATRIX, Form.JSON).body
        assert request.read({}, floor_answer(MATRIX, Form.JSON, 2)) == MATRIX.answers
        with pytest.raises(BenchmarkError, match="other bytes"):
            request.read({}, b"{}")


class TestRightAnswers:
    def test_a_label_must_be_equal(self) -> None:
        assert is_right([1, 0], MATRIX, 2)
        assert not is_right([1, 1], MATRIX, 2)

    def test_an_answer_for_too_few_rows_is_wrong(self) -> None:
        assert not is_right([1], MATRIX, 2)

    def test_numbers_may_differ_in_their_last_digits(self) -> None:
        network = Case("network", Path(), [[1.0]], "FP32", [[0.5, -2.0]])
        assert is_right([[0.50001, -2.0]], network, 1)
        assert not is_right([[0.51, -2.0]], network, 1)


class TestWorkloads:
    def test_every_workload_is_what_its_name_says(self) -> None:
        assert all(Workload.parse(workload.name) == workload for workload in (*QUICK, *WHOLE))

    @pytest.mark.parametrize("name", ["json", "soap-1-16", "json-7-16", "json-1-many"])
    def test_a_name_that_is_none_is_refused(self, name: str) -> None:
        with pytest.raises(BenchmarkError, match="no workload"):
            Workload.parse(name)
