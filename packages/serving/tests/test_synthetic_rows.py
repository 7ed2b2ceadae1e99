"""Rows that nobody sent: whose they are, and what they are used for."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from skl2onnx import to_onnx
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from modelyard_serving.batching.curve import measure
from modelyard_serving.bundle import OpenedModel, open_model
from modelyard_serving.protocol.datatypes import Datatype
from modelyard_serving.runtimes.base import Tensors
from modelyard_serving.signature import Signature, TensorSpec
from modelyard_serving.synthetic_rows import probe_rows, split_rows


class Form:
    """A model of which only the form is asked."""

    platform = "a_form"
    is_thread_safe = True

    def __init__(self, *inputs: TensorSpec) -> None:
        self.signature = Signature(inputs=inputs, outputs=())

    def predict(self, inputs: Tensors, **_: Any) -> Tensors:
        return inputs

    def close(self) -> None:
        """It holds nothing."""


class Library(Form):
    """One that may be asked anything."""

    def __init__(self, *inputs: TensorSpec, **known_texts: Sequence[str]) -> None:
        super().__init__(*inputs)
        self.known_texts: Mapping[str, Sequence[str]] = known_texts


NUMBERS = TensorSpec("x", Datatype.FP32, (-1, 3))


class TestMade:
    def test_they_have_the_models_own_form_and_differ(self) -> None:
        rows = probe_rows(Library(NUMBERS, TensorSpec("n", Datatype.INT8, (-1,))), None)
        assert rows is not None
        assert rows["x"].shape == (4, 3)
        assert [rows["x"].dtype.name, rows["n"].dtype.name] == ["float32", "int8"]
        assert len(np.unique(rows["x"], axis=0)) == 4

    def test_a_text_is_one_that_the_model_was_taught(self) -> None:
        rows = probe_rows(Library(TensorSpec("town", Datatype.BYTES, (-1,)), town=["Oslo", "Rome"]), None)
        assert rows is not None
        assert set(rows["town"]) == {"Oslo", "Rome"}

    @pytest.mark.parametrize(
        "model",
        [
            Form(NUMBERS),
            Library(TensorSpec("x", Datatype.FP32, (-1, -1))),
            Library(TensorSpec("x", Datatype.FP32, (-1, 1000, 1000, 3))),
            Library(),
        ],
    )
    def test_there_are_none_where_the_form_is_not_known_or_a_users_code_would_see_them(self, model: Form) -> None:
        assert probe_rows(model, None) is None

    def test_a_users_code_sees_its_own_example_only(self) -> None:
        example = {"x": np.ones((1, 3), np.float32)}
        rows = probe_rows(Form(NUMBERS), example)
        assert rows is not None
        np.testing.assert_array_equal(rows["x"], example["x"])

    def test_an_example_of_one_row_gets_more_rows(self) -> None:
        rows = probe_rows(Library(NUMBERS), {"x": np.ones((1, 3), np.float32)})
        assert rows is not None
        assert [float(row["x"][0, 0]) for row in split_rows(rows)] == [1.0, 1.125, 1.25, 1.375]


class TestRowCount:
    def test_a_model_whose_rows_depend_on_each_other_is_not_batched_though_equal_rows_hide_it(self) -> None:
        def centred(inputs: Tensors) -> Tensors:
            return {"y": inputs["x"] - inputs["x"].mean(axis=0)}

        rows = probe_rows(Library(NUMBERS), {"x": np.ones((1, 3), np.float32)})
        assert rows is not None
        assert measure(centred, {"x": np.ones((1, 3), np.float32)}) is not None
        assert measure(centred, rows) is None

    def test_rows_that_the_model_does_not_take_say_nothing_of_batches(self) -> None:
        def picky(inputs: Tensors) -> Tensors:
            if (inputs["x"] > 1).any():
                raise ValueError("too large")
            return {"y": inputs["x"]}

        rows = probe_rows(Library(NUMBERS), {"x": np.ones((1, 3), np.float32)})
        assert rows is not None
        assert measure(picky, rows) is not None


class TestForms:
    """The same pipeline, whatever file one hands over, has rows to measure with."""

    def open(self, path: Path) -> OpenedModel:
        return open_model(str(path), name=None, version=None, trust_pickle=True)

    def test_a_pickle_and_a_graph_have_rows_and_no_example(self, tmp_path: Path) -> None:
        x, y = load_breast_cancer(return_X_y=True)
        pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(x, y)
        joblib.dump(pipeline, tmp_path / "cancer.joblib")
        graph = to_onnx(pipeline, np.zeros((1, 30), np.float32), options={"zipmap": False})
        (tmp_path / "cancer.onnx").write_bytes(graph.SerializeToString())
        for name in ("cancer.joblib", "cancer.onnx"):
            opened = self.open(tmp_path / name)
            rows = probe_rows(opened.model, None)
            assert opened.example is None
            assert rows is not None
            assert measure(opened.model.predict, rows) is not None
