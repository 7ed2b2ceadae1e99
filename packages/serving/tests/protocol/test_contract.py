"""The signature at the door: what a model does not take, it does not see."""

from typing import Any

import numpy as np
import pytest

from modelyard_serving.errors import InvalidInput
from modelyard_serving.protocol.contract import Contract
from modelyard_serving.protocol.datatypes import Datatype
from modelyard_serving.protocol.messages import InferRequest, RequestedOutput, Tensor
from modelyard_serving.signature import InputKind, Signature, TensorSpec

X = TensorSpec("x", Datatype.FP32, (-1, 3))
Y = TensorSpec("y", Datatype.BYTES, (-1,), optional=True)
OUT = TensorSpec("out", Datatype.FP32, (-1,))
CONTRACT = Contract(Signature(inputs=(X, Y), outputs=(OUT,)))


def tensor(name: str = "x", datatype: Datatype = Datatype.FP32, shape: tuple[int, ...] = (1, 3)) -> Tensor:
    return Tensor(name, datatype, np.zeros(shape, dtype=datatype.numpy_dtype))


class TestContract:
    def test_a_right_request_passes_uncopied(self) -> None:
        came = tensor()
        assert CONTRACT.check(InferRequest([came]))["x"] is came.array

    @pytest.mark.parametrize(
        ("inputs", "told"),
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
    def test_a_wrong_request_is_told_in_one_sentence(self, inputs: list[Tensor], told: str) -> None:
        with pytest.raises(InvalidInput, match=told):
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
    CONTRACT = Contract(
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
                Contract(Signature(inputs=specs, outputs=(), kind=kind)).check(request)

    def test_a_missing_string_is_a_missing_value(self) -> None:
        column = Tensor("b", Datatype.BYTES, np.array([None], dtype=object))
        assert self.CONTRACT.check(InferRequest([tensor("a", Datatype.FP64, (1,)), column]))["b"][0] is None


class TestUndeclared:
    def contract(self, *specs: TensorSpec) -> Contract:
        return Contract(Signature(inputs=specs, outputs=(), is_declared=False))

    def test_numbers_that_nobody_declared_are_converted_safely(self) -> None:
        inputs = self.contract(X).check(InferRequest([tensor(datatype=Datatype.FP64)]))
        assert inputs["x"].dtype == np.float32

    @pytest.mark.parametrize("datatype", [Datatype.BYTES])
    def test_strings_are_never_converted(self, datatype: Datatype) -> None:
        with pytest.raises(InvalidInput, match="expected datatype FP32, not BYTES"):
            self.contract(X).check(InferRequest([tensor(datatype=datatype)]))

    def test_without_any_inputs_told_every_name_passes(self) -> None:
        inputs: Any = self.contract().check(InferRequest([tensor("whatever")]))
        assert list(inputs) == ["whatever"]
