from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mlflow
import numpy as np
import onnx
import pandas as pd
import pytest
from onnx import TensorProto, helper
from skl2onnx import to_onnx
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LinearRegression, LogisticRegression

from modelyard_serving.bundle import OpenedModel
from modelyard_serving.errors import InvalidInput, InvalidModel
from modelyard_serving.protocol.datatypes import Datatype
from modelyard_serving.runtimes.onnx import Feed, open_session
from modelyard_serving.signature import InputKind, Signature, TensorSpec

Save = Callable[..., Path]
Open = Callable[..., OpenedModel]
Answer = Callable[..., Any]


def _graph(nodes: list[Any], inputs: list[Any], outputs: list[Any]) -> onnx.ModelProto:
    graph = helper.make_graph(nodes, "graph", inputs, outputs)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


@pytest.fixture
def sum_and_difference(tmp_path: Path) -> Path:
    value = helper.make_tensor_value_info
    model = _graph(
        [helper.make_node("Add", ["a", "b"], ["sum"]), helper.make_node("Sub", ["a", "b"], ["difference"])],
        [value("a", TensorProto.INT32, ["n", 4]), value("b", TensorProto.INT32, ["n", 4])],
        [value("sum", TensorProto.INT32, ["n", 4]), value("difference", TensorProto.INT32, ["n", 4])],
    )
    path = tmp_path / "sum.onnx"
    onnx.save(model, path)
    return path


class TestGraphFiles:
    def test_the_signature_is_the_graphs(self, sum_and_difference: Path, opened: Open) -> None:
        signature = opened(sum_and_difference).model.signature
        assert signature.inputs == (TensorSpec("a", Datatype.INT32, (-1, 4)), TensorSpec("b", Datatype.INT32, (-1, 4)))
        assert [spec.name for spec in signature.default_outputs] == ["sum", "difference"]

    def test_all_outputs_are_computed_or_only_the_wanted_in_their_order(
        self, sum_and_difference: Path, opened: Open, answer: Answer
    ) -> None:
        model = opened(sum_and_difference)
        inputs = {"a": [[1, 2, 3, 4]], "b": [[10, 20, 30, 40]]}
        both = answer(model, inputs=inputs)
        assert both["sum"].tolist() == [[11, 22, 33, 44]]
        assert both["difference"].tolist() == [[-9, -18, -27, -36]]
        assert list(answer(model, inputs=inputs, outputs=["difference"])) == ["difference"]

    def test_texts_go_in_and_come_out(self, tmp_path: Path, opened: Open) -> None:
        value = helper.make_tensor_value_info("x", TensorProto.STRING, ["n"])
        out = helper.make_tensor_value_info("y", TensorProto.STRING, ["n"])
        onnx.save(_graph([helper.make_node("Identity", ["x"], ["y"])], [value], [out]), tmp_path / "texts.onnx")
        texts = np.array(["a", "ü", ""], dtype=object)
        assert opened(tmp_path / "texts.onnx").model.predict({"x": texts})["y"].tolist() == ["a", "ü", ""]

    def test_a_sum_that_cannot_be_is_the_callers_fault(self, sum_and_difference: Path, opened: Open) -> None:
        rows = {"a": np.zeros((2, 4), np.int32), "b": np.zeros((2, 5), np.int32)}
        with pytest.raises(InvalidInput, match="the graph refuses these inputs"):
            opened(sum_and_difference).model.predict(rows)

    def test_a_file_that_is_no_graph_is_refused(self, tmp_path: Path, opened: Open) -> None:
        (tmp_path / "bad.onnx").write_bytes(b"not a graph")
        with pytest.raises(InvalidModel, match=r"bad\.onnx is not an ONNX model"):
            opened(tmp_path / "bad.onnx")

    def test_a_session_has_one_thread_unless_configured_otherwise(self, sum_and_difference: Path) -> None:
        assert open_session(sum_and_difference).get_session_options().intra_op_num_threads == 1
        options = {"intra_op_num_threads": 2, "execution_mode": "sequential", "graph_optimization_level": 99}
        assert open_session(sum_and_difference, options=options).get_session_options().intra_op_num_threads == 2

    def test_probabilities_in_maps_become_a_matrix(self, tmp_path: Path, opened: Open) -> None:
        x, y = load_breast_cancer(return_X_y=True)
        classifier = LogisticRegression(max_iter=5000).fit(x, y)
        onnx.save(to_onnx(classifier, x[:1].astype(np.float32)), tmp_path / "zipmap.onnx")
        model = opened(tmp_path / "zipmap.onnx").model
        outputs = model.predict({"X": x.astype(np.float32)})
        np.testing.assert_allclose(outputs["output_probability"], classifier.predict_proba(x), atol=1e-4)


class TestMlflowFolders:
    def test_a_graph_of_tensors_answers_as_mlflow_does(
        self, save_model: Save, opened: Open, answer: Answer, mlflow_answer: Answer
    ) -> None:
        x, y = load_breast_cancer(return_X_y=True)
        graph = to_onnx(LinearRegression().fit(x, y), x[:1])
        path = save_model(mlflow.onnx, graph, signature=mlflow.models.infer_signature(x, x[:, :1]))
        expected = mlflow_answer(path, x).item()["variable"]
        np.testing.assert_array_equal(answer(opened(path), inputs=x)["variable"], expected)

    def test_a_graph_with_a_signature_of_columns_gets_them_side_by_side(
        self, save_model: Save, anes96: pd.DataFrame, opened: Open, answer: Answer, mlflow_answer: Answer
    ) -> None:
        x, y = anes96.drop(columns=["PID", "vote"]), anes96["PID"]
        graph = to_onnx(LinearRegression().fit(x.to_numpy(), y), x.to_numpy()[:1].astype(np.float32))
        path = save_model(mlflow.onnx, graph, signature=mlflow.models.infer_signature(x))
        model = opened(path)
        assert model.model.signature.kind is InputKind.FRAME
        columns = {name: x[name].tolist() for name in x.columns}
        np.testing.assert_array_equal(answer(model, inputs=columns)["variable"], mlflow_answer(path, x))


class TestFeed:
    COLUMNS = Signature(
        inputs=(TensorSpec("a", Datatype.FP64, (-1,)), TensorSpec("b", Datatype.INT64, (-1,), optional=True)),
        outputs=(),
        kind=InputKind.FRAME,
    )

    def _feed(self, datatype: str) -> Feed:
        return Feed([SimpleNamespace(name="x", type=f"tensor({datatype})", shape=[None, 2])], signature=self.COLUMNS)

    def test_what_is_missing_in_a_column_is_nan_in_a_graph_of_floats(self) -> None:
        some = np.array([3, None], dtype=object)
        fed = self._feed("float")({"a": np.array([1.0, 2.0]), "b": some})["x"]
        np.testing.assert_array_equal(fed, np.array([[1.0, 3.0], [2.0, np.nan]], dtype=np.float32))
        absent = self._feed("float")({"a": np.array([1.0])})["x"]
        np.testing.assert_array_equal(absent, np.array([[1.0, np.nan]], dtype=np.float32))

    def test_a_graph_of_whole_numbers_has_no_room_for_what_is_missing(self) -> None:
        with pytest.raises(InvalidInput, match="column 'b' has a missing value, which the graph's int64 cannot"):
            self._feed("int64")({"a": np.array([1.0])})
