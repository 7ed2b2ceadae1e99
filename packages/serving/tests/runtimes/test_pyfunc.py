import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from mlflow.pyfunc import PythonModel  # type: ignore[attr-defined]  # MLflow does not list it.

from modelyard_serving.bundle import OpenedModel
from modelyard_serving.errors import InvalidInput

Save = Callable[..., Path]
Open = Callable[..., OpenedModel]
Answer = Callable[..., Any]


def _describes() -> Any:
    class Describes(PythonModel):
        """Several outputs, one of them text, and a parameter."""

        def predict(
            self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None
        ) -> pd.DataFrame:
            day = model_input["seen"].dt.day_name()
            score = model_input["amount"] * (params or {}).get("factor", 1.0)
            return pd.DataFrame({"score": score, "text": day + " " + model_input["who"].fillna("?")})

    return Describes()


def _norm() -> Any:
    class Norm(PythonModel):
        def predict(self, context: Any, model_input: Any, params: dict[str, Any] | None = None) -> Any:
            return np.linalg.norm(model_input, axis=1)

    return Norm()


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "amount": [1.0, 2.5],
            "who": pd.Series(["ann", None], dtype=object),
            "seen": pd.to_datetime(["2026-11-21T10:00:00", "1999-12-31T00:00:00"]).astype("datetime64[ns]"),
        }
    )


@pytest.fixture(scope="module")
def describes(tmp_path_factory: pytest.TempPathFactory, frame: pd.DataFrame) -> Path:
    path = tmp_path_factory.mktemp("pyfunc") / "describes"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        signature = mlflow.models.infer_signature(frame, params={"factor": 1.0})
        mlflow.pyfunc.save_model(path=str(path), python_model=_describes(), signature=signature, pip_requirements=[])
    return path


class TestPythonModels:
    def test_each_column_of_a_frame_is_an_output(
        self, describes: Path, frame: pd.DataFrame, opened: Open, answer: Answer, mlflow_answer: Answer
    ) -> None:
        columns = {"amount": [1.0, 2.5], "who": ["ann", None], "seen": ["2026-11-21T10:00:00", "1999-12-31"]}
        outputs = answer(opened(describes), inputs=columns)
        assert (
            outputs["text"].tolist() == ["Saturday ann", "Friday ?"] == mlflow_answer(describes, frame)[:, 1].tolist()
        )
        assert outputs["score"].tolist() == [1.0, 2.5]

    def test_a_parameter_reaches_the_model_as_mlflow_passes_it(
        self, describes: Path, frame: pd.DataFrame, opened: Open, answer: Answer, mlflow_answer: Answer
    ) -> None:
        columns = {"amount": [1.0, 2.5], "who": ["ann", "bob"], "seen": ["2026-11-21", "1999-12-31"]}
        outputs = answer(opened(describes), inputs=columns, params={"factor": 4.0})
        assert (
            outputs["score"].tolist() == mlflow_answer(describes, frame, {"factor": 4.0})[:, 0].tolist() == [4.0, 10.0]
        )

    def test_a_parameter_that_is_not_declared_is_refused(self, describes: Path, opened: Open, answer: Answer) -> None:
        columns = {"amount": [1.0], "who": ["ann"], "seen": ["2026-11-21"]}
        with pytest.raises(InvalidInput, match="unknown parameter 'facto'; the model declares factor"):
            answer(opened(describes), inputs=columns, params={"facto": 4.0})

    def test_a_time_with_an_offset_is_reported_in_utc(self, describes: Path, opened: Open, answer: Answer) -> None:
        columns = {"amount": [1.0], "who": ["ann"], "seen": ["2026-11-22T00:30:00+01:00"]}
        assert answer(opened(describes), inputs=columns)["text"].tolist() == ["Saturday ann"]

    @pytest.mark.parametrize("wrong", ["yesterday", "2026-13-01", ""])
    def test_a_datetime_that_is_none_names_column_and_row(
        self, describes: Path, opened: Open, answer: Answer, wrong: str
    ) -> None:
        columns = {"amount": [1.0, 2.0], "who": ["ann", "bob"], "seen": ["2026-11-21", wrong]}
        with pytest.raises(InvalidInput, match=f"column 'seen', row 1: expected an ISO 8601 datetime, got '{wrong}'"):
            answer(opened(describes), inputs=columns)

    def test_a_datetime_before_datetime64_can_tell_it_is_refused(
        self, describes: Path, opened: Open, answer: Answer
    ) -> None:
        with pytest.raises(InvalidInput, match="column 'seen': a datetime is outside of the years 1678 to 2261"):
            answer(opened(describes), inputs={"amount": [1.0], "who": ["ann"], "seen": ["0001-01-01"]})

    def test_a_model_without_a_signature_gets_what_comes(self, tmp_path: Path, opened: Open, answer: Answer) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            mlflow.pyfunc.save_model(path=str(tmp_path / "norm"), python_model=_norm(), pip_requirements=[])
        model = opened(tmp_path / "norm")
        assert not model.model.signature.is_declared
        assert answer(model, inputs=[[3.0, 4.0], [6.0, 8.0]])["predictions"].tolist() == [5.0, 10.0]
        assert answer(model, inputs={"a": [3.0], "b": [4]})["predictions"].tolist() == [5.0]


class TestStatsmodels:
    def test_a_regression_answers_as_mlflow_does(
        self, save_model: Save, anes96: pd.DataFrame, opened: Open, answer: Answer, mlflow_answer: Answer
    ) -> None:
        x = sm.add_constant(anes96[["age", "educ", "income"]])
        path = save_model(
            mlflow.statsmodels, sm.OLS(anes96["PID"], x).fit(), signature=mlflow.models.infer_signature(x)
        )
        model = opened(path)
        assert model.model.platform == "mlflow_pyfunc"
        answered = answer(model, inputs={name: x[name].tolist() for name in x.columns})
        np.testing.assert_array_equal(answered["predictions"], mlflow_answer(path, x))
