"""A model's input example becomes a request of `/predict`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import orjson
import pandas as pd
import pytest
import yaml
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.linear_model import LinearRegression

from modelyard.packaging.example import example_of
from modelyard_serving.frames import decode_predict
from modelyard_serving.loading import open_served
from modelyard_serving.settings import Settings

MakeModel = Callable[[Any], Path]


@pytest.fixture
def make_model(tmp_path: Path) -> MakeModel:
    """Writes a model folder with this input example."""

    def make(content: Any, *, path: str = "input_example.json") -> Path:
        (tmp_path / "MLmodel").write_text(yaml.safe_dump({"saved_input_example_info": {"artifact_path": path}}))
        (tmp_path / "input_example.json").write_text(json.dumps(content))
        return tmp_path

    return make


class TestExample:
    def test_a_frame_becomes_columns(self, make_model: MakeModel) -> None:
        folder = make_model({"columns": ["age", "city"], "data": [[41, "Ulm"], [7, None]]})

        assert example_of(folder) == {"inputs": {"age": [41, 7], "city": ["Ulm", None]}}

    def test_an_empty_frame_keeps_its_columns(self, make_model: MakeModel) -> None:
        assert example_of(make_model({"columns": ["a", "b"], "data": []})) == {"inputs": {"a": [], "b": []}}

    def test_an_array_stays_nested_lists(self, make_model: MakeModel) -> None:
        assert example_of(make_model({"inputs": [[1.5, 2.0]]})) == {"inputs": [[1.5, 2.0]]}

    def test_named_arrays_stay_named(self, make_model: MakeModel) -> None:
        assert example_of(make_model({"inputs": {"a": [1], "b": [2]}})) == {"inputs": {"a": [1], "b": [2]}}

    def test_what_json_cannot_say_is_missing(self, make_model: MakeModel) -> None:
        folder = make_model({"columns": ["a"], "data": [[float("nan")], [float("inf")], [1.0]]})

        assert example_of(folder) == {"inputs": {"a": [None, None, 1.0]}}

    @pytest.mark.parametrize(
        ("given", "inputs"), [([1, 2], [1, 2]), ("text", ["text"]), ({"a": 1.5, "b": 2}, None), ({"other": 1}, None)]
    )
    def test_what_an_mlflow_without_serving_examples_wrote_is_read_as_it_stands(
        self, make_model: MakeModel, given: object, inputs: object
    ) -> None:
        expected = {"inputs": given if isinstance(given, dict) else inputs}

        assert example_of(make_model(given)) == expected

    @pytest.mark.parametrize("content", [None, [], {}])
    def test_any_other_example_is_none(self, make_model: MakeModel, content: object) -> None:
        assert example_of(make_model(content)) is None

    @pytest.mark.parametrize("content", [b"{", b"\xff", b""])
    def test_a_broken_example_is_none(self, make_model: MakeModel, content: bytes) -> None:
        folder = make_model({})
        (folder / "input_example.json").write_bytes(content)

        assert example_of(folder) is None

    def test_a_model_without_an_example_has_none(self, tmp_path: Path) -> None:
        (tmp_path / "MLmodel").write_text("flavors: {}\n")

        assert example_of(tmp_path) is None

    @pytest.mark.parametrize("path", ["../secret.json", "/etc/hostname", "missing.json", ""])
    def test_a_file_outside_of_the_model_is_not_read(self, tmp_path: Path, path: str) -> None:
        (tmp_path / "secret.json").write_text('{"inputs": [1]}')
        folder = tmp_path / "model"
        folder.mkdir()
        (folder / "MLmodel").write_text(yaml.safe_dump({"saved_input_example_info": {"artifact_path": path}}))

        assert example_of(folder) is None


ROWS = np.arange(6.0).reshape(3, 2)
FRAME = pd.DataFrame(ROWS, columns=["a", "b"])
COLUMNS = {"a": [0.0, 2.0, 4.0], "b": [1.0, 3.0, 5.0]}


@pytest.fixture(scope="module")
def on_rows() -> BaseEstimator:
    """A model that was fitted on an array."""
    return LinearRegression().fit(ROWS, [1.0, 2.0, 3.0])


@pytest.fixture(scope="module")
def on_columns() -> BaseEstimator:
    """A model that was fitted on a frame."""
    return LinearRegression().fit(FRAME, [1.0, 2.0, 3.0])


def request_of(folder: Path, estimator: BaseEstimator, given: Any) -> Any:
    """The request that comes of an example of a model that MLflow saved, which the model server must answer."""
    mlflow.sklearn.save_model(
        estimator, folder, input_example=given, pip_requirements=[], serialization_format="pickle"
    )
    request = example_of(folder)
    served, opened = open_served(Settings(path=str(folder)))
    inputs = decode_predict(orjson.dumps(request), None, opened.model.signature).inputs
    assert len(served.model.predict(inputs)) > 0
    served.model.close()
    assert request is not None
    return request["inputs"]


@pytest.mark.filterwarnings("ignore")  # MLflow warns of every pickle, and of pandas that are older than itself.
class TestWhatMlflowWrites:
    @pytest.mark.parametrize(
        "given",
        [ROWS, ROWS.tolist(), sparse.csr_matrix(ROWS), sparse.csc_matrix(ROWS), pd.DataFrame(ROWS), (ROWS, {"k": 1})],
        ids=["array", "lists", "csr", "csc", "frame without names", "array and parameters"],
    )
    def test_rows_become_rows(self, tmp_path: Path, on_rows: BaseEstimator, given: Any) -> None:
        assert request_of(tmp_path / "model", on_rows, given) == ROWS.tolist()

    @pytest.mark.parametrize(
        ("given", "inputs"),
        [
            (FRAME, COLUMNS),
            (FRAME.set_axis(["x", "y", "z"]), COLUMNS),
            (COLUMNS, COLUMNS),
            ({name: np.array(values) for name, values in COLUMNS.items()}, COLUMNS),
            ({"a": 1.0, "b": 2.0}, {"a": 1.0, "b": 2.0}),
            (FRAME.to_dict("records"), FRAME.to_dict("records")),
        ],
        ids=["frame", "frame with an index", "lists", "arrays", "one row", "rows by name"],
    )
    def test_columns_stay_columns(self, tmp_path: Path, on_columns: BaseEstimator, given: Any, inputs: Any) -> None:
        assert request_of(tmp_path / "model", on_columns, given) == inputs
