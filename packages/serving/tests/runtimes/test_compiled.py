"""Compiled graphs of frames: many rows run in blocks, and are checked as a whole request is."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from onnx import TensorProto

from modelyard_serving.compile.graph_builder import GraphBuilder, finite
from modelyard_serving.errors import InvalidInput
from modelyard_serving.protocol.datatypes import Datatype
from modelyard_serving.runtimes import compiled
from modelyard_serving.runtimes.compiled import MATRIX, CompiledModel, GraphDescription
from modelyard_serving.runtimes.onnx import open_session
from modelyard_serving.signature import InputKind, Signature, TensorSpec

ROWS = 5 * compiled._FEW_ROWS + 7


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> CompiledModel:
    """Ten times a plus b of each row, in blocks of 300 rows; no number that is not finite is taken or made."""
    monkeypatch.setattr(compiled, "_BLOCK_BYTES", 300 * 2 * 8)
    build = GraphBuilder()
    build.initializer("weights", TensorProto.DOUBLE, [2, 1], [10.0, 1.0])
    product = build.add("MatMul", [finite(build, MATRIX, missing=False), "weights"])
    build.add("Identity", [finite(build, product, missing=False)], "sums")
    graph = build.model(inputs=[(MATRIX, TensorProto.DOUBLE)], outputs=["sums"])
    inputs = tuple(TensorSpec(name, Datatype.FP64, (-1,)) for name in "ab")
    signature = Signature(inputs=inputs, outputs=(TensorSpec("sums", Datatype.FP64, (-1, 1)),), kind=InputKind.FRAME)
    description = GraphDescription(signature, refuses_missing=("a", "b"), refuses_infinite=("a", "b"))
    return CompiledModel(open_session(graph.SerializeToString()), description)


def columns(rows: int) -> dict[str, npt.NDArray[Any]]:
    return {"a": np.arange(float(rows)), "b": np.arange(float(rows)) / 8}


@pytest.mark.parametrize("rows", [1, 299, 300, 301, ROWS])
def test_rows_are_predicted_each_once_and_in_order_whatever_the_blocks(model: CompiledModel, rows: int) -> None:
    frame = columns(rows)

    assert model.predict(frame)["sums"].ravel().tolist() == (10 * frame["a"] + frame["b"]).tolist()


@pytest.mark.parametrize(("value", "kind"), [(np.nan, "missing"), (np.inf, "infinite")])
def test_a_value_that_is_not_taken_is_named_in_whichever_block(model: CompiledModel, value: float, kind: str) -> None:
    frame = columns(ROWS)
    frame["b"][-1] = value

    with pytest.raises(InvalidInput, match=f"input 'b' has an? {kind} value"):
        model.predict(frame)


def test_a_number_that_becomes_infinite_on_the_way_is_refused_in_whichever_row(model: CompiledModel) -> None:
    for row in (0, 700, ROWS - 1):
        frame = columns(ROWS)
        frame["a"][row] = 1e308

        with pytest.raises(InvalidInput, match="not finite"):
            model.predict(frame)
