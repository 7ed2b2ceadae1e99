"""The signature at the door: what a model does not take, it does not see."""

from typing import Any

import numpy as np
import pytest

from modelyard_serving.errors import InvalidInput
from modelyard_serving.protocol.datatypes import Datatype
from modelyard_serving.protocol.messages import InferRequest, RequestedOutput, Tensor
from modelyard_serving.protocol.request_validator import RequestValidator
from modelyard_serving.signature import InputKind, Signature, TensorSpec

X = TensorSpec("x", Datatype.FP32, (-1, 3))
Y = TensorSpec("y", Datatype.BYTES, (-1,), optional=True)
OUT = TensorSpec("out", Datatype.FP32, (-1,))
CONTRACT = RequestValidator(Signature(inputs=(X, Y), outputs=(OUT,)))


def tensor(name: str = "x", datatype: Datatype = Datatype.FP32, shape: tuple[int, ...] = (1, 3)) -> Tensor:
    return Tensor(name, datatype, np.zeros(shape, dtype=datatype.numpy_dtype))


class TestContract:
    def test_a_right_request_passes_uncopied(self) -> None:
        actual = tensor()
        assert CONTRACT.check(InferRequest([actual]))["x"] is actual.array

    @pytest.mark.parametrize(
        ("inputs", "reported"),
        [
            ([], "inputs is empty: expected 'x'"),
            ([tensor(), tensor("z")], r"there is no input 'z': expected 'x' \(FP32 \[-1, 3\]\), 'y'"),
            ([tensor(), tensor()], "input 'x' came twice"),
            ([tensor("y", Datatype.BYTES, (1,))], r"missing required input\(s\) \['x'\]"),
            ([tensor(datatype=Datatype.INT64)], "expected datatype FP32, not INT64"),
            ([tensor(datatype=Datatype.FP64)], "expected datatype FP32, not FP64"),
            ([tensor(shape=(3,))], r"expected shape \[-1, 3\] \(-1 is any\), not \[3\]"),
            ([tensor(shape=(1, 4))], r"expected shape \[-1, 3\] \(-1 is any\), not \[1, 4\]"),
        ],
    )
    def test_a_wrong_request_is_reported_in_one_sentence(self, inputs: list[Tensor], reported: str) -> None:
        with pytest.raises(InvalidInput, match=reported):
            CONTRACT.check(InferRequest(inputs))

    def test_an_unknown_output_is_refused_with_the_known_ones(self) -> None:
        with pytest.raises(InvalidInput, match="there is no output 'nope': the model has 'out'"):
            CONTRACT.check(InferRequest([tensor()], outputs=(RequestedOutput("nope"),)))

    def test_an_output_is_asked_for_once(self) -> None:
        with pytest.raises(InvalidInput, match="output 'out' is asked for twice"):
            CONTRACT.check(InferRequest([tensor()], outputs=(RequestedOutput("out"), RequestedOutput("out"))))

    def test_null_is_no_string_of_a_tensor(self) -> None:
        missing = Tensor("y", Datatype.BYTES, np.array([None], dtype=object))
        with pytest.raises(InvalidInput, match="element 0 must be a string, not null"):
            CONTRACT.check(InferRequest([tensor(), missing]))


class TestFrames:
    CONTRACT = RequestValidator(
        Signature(
            inputs=(
                TensorSpec("a", Datatype.FP64, (-1,)),
                TensorSpec("b", Datatype.BYTES, (-1,), optional=True),
                TensorSpec("c", Datatype.INT64, (-1,), optional=True),
            ),
            outputs=(),
            kind=InputKind.FRAME,
        )
    )

    def test_columns_are_of_one_length(self) -> None:
        columns = [tensor("a", Datatype.FP64, (2,)), tensor("b", Datatype.BYTES, (3,))]
        with pytest.raises(InvalidInput, match="of one length: 'a' has 2, 'b' has 3"):
            self.CONTRACT.check(InferRequest(columns))

    def test_a_missing_number_is_one_where_values_may_be_missing(self) -> None:
        column = Tensor("c", Datatype.INT64, np.array([1, None], dtype=object))
        request = InferRequest([tensor("a", Datatype.FP64, (2,)), column])
        assert self.CONTRACT.check(request)["c"].tolist() == [1, None]

    def test_a_missing_number_is_refused_everywhere_else(self) -> None:
        specs = (TensorSpec("d", Datatype.INT64, (-1,)),)
        request = InferRequest([Tensor("d", Datatype.INT64, np.array([1, None], dtype=object))])
        for kind in InputKind:
            with pytest.raises(InvalidInput, match=r"element 1 must be a whole number .*, not null"):
                RequestValidator(Signature(inputs=specs, outputs=(), kind=kind)).check(request)

    def test_a_missing_string_is_a_missing_value(self) -> None:
        column = Tensor("b", Datatype.BYTES, np.array([None], dtype=object))
        assert self.CONTRACT.check(InferRequest([tensor("a", Datatype.FP64, (1,)), column]))["b"][0] is None


class TestUndeclared:
    def contract(self, *specs: TensorSpec) -> RequestValidator:
        return RequestValidator(Signature(inputs=specs, outputs=(), is_declared=False))

    def test_numbers_that_nobody_declared_are_converted_safely(self) -> None:
        inputs = self.contract(X).check(InferRequest([tensor(datatype=Datatype.FP64)]))
        assert inputs["x"].dtype == np.float32

    @pytest.mark.parametrize("datatype", [Datatype.BYTES])
    def test_strings_are_never_converted(self, datatype: Datatype) -> None:
        with pytest.raises(InvalidInput, match="expected datatype FP32, not BYTES"):
            self.contract(X).check(InferRequest([tensor(datatype=datatype)]))

    def test_without_any_inputs_declared_every_name_passes(self) -> None:
        inputs: Any = self.contract().check(InferRequest([tensor("whatever")]))
        assert list(inputs) == ["whatever"]


class TestOneTensor:
    """Columns that came as one tensor, or as [n, 1]: taken where they cannot be misread."""

    @staticmethod
    def frame(*datatypes: Datatype) -> RequestValidator:
        names = "abcdefgh"
        inputs = tuple(TensorSpec(name, kind, (-1,)) for name, kind in zip(names, datatypes, strict=False))
        return RequestValidator(Signature(inputs=inputs, outputs=(), kind=InputKind.FRAME))

    @staticmethod
    def whole(values: Any, datatype: Datatype = Datatype.FP64, name: str = "input") -> InferRequest:
        return InferRequest([Tensor(name, datatype, np.array(values, dtype=datatype.numpy_dtype))])

    def test_a_tensor_of_k_columns_is_the_columns_in_their_order(self) -> None:
        taken = self.frame(Datatype.FP64, Datatype.FP64).check(self.whole([[1, 2], [3, 4]]))
        assert {name: column.tolist() for name, column in taken.items()} == {"a": [1, 3], "b": [2, 4]}

    def test_its_numbers_become_each_columns_datatype_where_that_changes_none(self) -> None:
        contract = self.frame(Datatype.FP64, Datatype.INT64)
        taken = contract.check(self.whole([[1, 2]], Datatype.INT32))
        assert [column.dtype for column in taken.values()] == [np.float64, np.int64]
        with pytest.raises(InvalidInput, match="there is no input 'input'"):
            contract.check(self.whole([[1, 2]]))

    def test_a_column_may_come_with_a_dimension_of_one(self) -> None:
        column = Tensor("a", Datatype.FP64, np.array([[1.0], [2.0]]))
        assert self.frame(Datatype.FP64).check(InferRequest([column]))["a"].tolist() == [1.0, 2.0]

    @pytest.mark.parametrize(
        "request_",
        [
            InferRequest([Tensor("a", Datatype.FP64, np.zeros((2, 2)))]),
            InferRequest([Tensor("input", Datatype.FP64, np.zeros((2, 3)))]),
            InferRequest([Tensor("input", Datatype.BYTES, np.full((2, 2), "x", dtype=object))]),
            InferRequest([Tensor("a", Datatype.FP64, np.zeros(2))]),
        ],
    )
    def test_what_could_be_misread_is_refused_with_the_request_that_would_work(self, request_: InferRequest) -> None:
        with pytest.raises(InvalidInput) as caught:
            self.frame(Datatype.FP64, Datatype.INT64).check(request_)
        right = (
            '; send {"inputs":[{"name":"a","datatype":"FP64","shape":[2],"data":[…]},'
            '{"name":"b","datatype":"INT64","shape":[2],"data":[…]}]}'
        )
        assert caught.value.message.endswith(right)

    def test_of_many_columns_the_first_are_shown(self) -> None:
        with pytest.raises(InvalidInput, match=r"\{\"name\":\"c\".*\},…\]\}$"):
            self.frame(*[Datatype.FP64] * 8).check(self.whole([[1.0]]))
