"""Real models on real data: what is accepted answers as the original does, and what is not says why."""

from typing import Any

import lightgbm
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import statsmodels.api as sm
import xgboost
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from modelyard_serving.compile.compiler import Compilation, compile_model
from modelyard_serving.compile.speed import Speed
from modelyard_serving.errors import InvalidInput
from modelyard_serving.protocol.datatypes import Datatype
from modelyard_serving.runtimes.base import Model, Tensors
from modelyard_serving.runtimes.compiled import CompiledModel
from modelyard_serving.runtimes.estimator import EstimatorModel
from modelyard_serving.runtimes.lightgbm import LightgbmRuntime
from modelyard_serving.runtimes.onnx import open_session
from modelyard_serving.runtimes.sklearn import estimator_model
from modelyard_serving.runtimes.xgboost import XgboostRuntime
from modelyard_serving.signature import InputKind, Signature, TensorSpec

CANCER = load_breast_cancer(return_X_y=True)
DIABETES = load_diabetes(return_X_y=True)
DIGITS = (load_digits().data[:, 18:30], load_digits().target)
"""The middle of the images: a model of fewer columns is asked fewer questions."""


def _fast(original: Model, compiled: Model, rows: Tensors) -> list[Speed]:
    """Whether a graph is faster is for a quiet machine to say; one test below asks this one."""
    return [Speed(rows=1, original_s=1e-3, compiled_s=1e-4)]


def _on_array(estimator: Any) -> Model:
    return estimator_model(estimator, platform="sklearn_pickle")


def _compiled(compilation: Compilation) -> Model:
    assert compilation.graph is not None
    assert compilation.description is not None
    return CompiledModel(open_session(compilation.graph), compilation.description)


def _assert_same(compilation: Compilation, original: Model, rows: Tensors) -> None:
    """On rows that were not among those tried."""
    assert compilation.report.accepted, compilation.report.reasons
    compiled = _compiled(compilation)
    assert compiled.signature == original.signature
    names = [spec.name for spec in original.signature.outputs]
    expected, got = original.predict(rows, outputs=names), compiled.predict(rows, outputs=names)
    for name, values in expected.items():
        assert got[name].dtype == values.dtype
        if values.dtype.kind == "f":
            np.testing.assert_allclose(got[name], values, rtol=1e-5, atol=1e-6)
        else:
            assert got[name].tolist() == values.tolist()


@pytest.fixture(scope="module")
def survey() -> tuple[pd.DataFrame, npt.NDArray[np.int64]]:
    """The Fair survey with words for codes, and values missing here and there."""
    data = sm.datasets.fair.load_pandas().data.iloc[::20].reset_index(drop=True)
    frame = pd.DataFrame(
        {
            "age": data["age"].mask(data.index % 11 == 3),
            "children": data["children"],
            "religious": data["religious"].map({1: "not", 2: "mildly", 3: "fairly", 4: "strongly"}),
            "occupation": data["occupation"].map(lambda code: f"group {code:.0f}").mask(data.index % 7 == 2),
        }
    )
    return frame, (data["affairs"] > 0).to_numpy().astype(np.int64)


def _columns(frame: pd.DataFrame) -> Tensors:
    return {
        name: frame[name].to_numpy()
        if frame[name].dtype.kind == "f"
        else np.array([None if pd.isna(value) else value for value in frame[name]], dtype=object)
        for name in frame.columns
    }


def _on_frame(estimator: Any, frame: pd.DataFrame) -> Model:
    inputs = tuple(
        TensorSpec(name, Datatype.FP64 if frame[name].dtype.kind == "f" else Datatype.BYTES, (-1,))
        for name in frame.columns
    )
    known = estimator_model(estimator, platform="sklearn_pickle")
    signature = Signature(inputs=inputs, outputs=known.signature.outputs, kind=InputKind.FRAME)
    return EstimatorModel(
        platform=known.platform,
        estimator=known.estimator,
        signature=signature,
        labels=list(frame.columns),
        predict=known.estimator.predict,
        predict_proba=known.estimator.predict_proba,
    )


class TestScikitLearnOnArrays:
    @pytest.mark.parametrize(
        ("estimator", "data"),
        [
            pytest.param(make_pipeline(StandardScaler(), LogisticRegression()), CANCER, id="logistic"),
            pytest.param(make_pipeline(StandardScaler(), LogisticRegression()), DIGITS, id="logistic-of-ten"),
            pytest.param(make_pipeline(StandardScaler(), Ridge()), DIABETES, id="ridge"),
            pytest.param(DecisionTreeClassifier(random_state=0), CANCER, id="tree"),
            pytest.param(RandomForestClassifier(10, random_state=0), DIGITS, id="forest"),
            pytest.param(
                make_pipeline(StandardScaler(), RandomForestRegressor(10, random_state=0)), DIABETES, id="regressor"
            ),
            pytest.param(GradientBoostingClassifier(n_estimators=10), CANCER, id="boosting"),
            pytest.param(GradientBoostingClassifier(n_estimators=3), DIGITS, id="boosting-of-ten"),
            pytest.param(GradientBoostingRegressor(n_estimators=10), DIABETES, id="boosting-regressor"),
            pytest.param(HistGradientBoostingClassifier(max_iter=10), CANCER, id="histogram"),
        ],
    )
    def test_it_is_compiled_in_float64(self, estimator: Any, data: tuple[Any, Any]) -> None:
        x, y = data
        original = _on_array(estimator.fit(x, y))
        compilation = compile_model(original, {"input": x[:30]}, measure=_fast)
        assert compilation.report.computes_in == "float64"
        _assert_same(compilation, original, {"input": x[30:]})

    def test_labels_of_text_are_reported_as_text(self) -> None:
        x, y = CANCER
        original = _on_array(RandomForestClassifier(5, random_state=0).fit(x, np.where(y, "benign", "malignant")))
        _assert_same(compile_model(original, {"input": x[:30]}, measure=_fast), original, {"input": x[30:]})

    def test_missing_values_go_where_the_forest_sends_them(self) -> None:
        x, y = CANCER
        rows = np.where(np.arange(x.size).reshape(x.shape) % 7 == 0, np.nan, x)
        original = _on_array(RandomForestClassifier(10, random_state=0).fit(rows, y))
        _assert_same(compile_model(original, {"input": rows[:30]}, measure=_fast), original, {"input": rows[30:]})

    def test_what_the_model_refuses_the_graph_refuses(self) -> None:
        x, y = CANCER
        compilation = compile_model(
            _on_array(make_pipeline(StandardScaler(), LogisticRegression()).fit(x, y)), {"input": x[:30]}
        )
        model = _compiled(compilation)
        for wrong, word in ((np.nan, "missing"), (np.inf, "infinite")):
            row = x[:1].copy()
            row[0, 7] = wrong
            with pytest.raises(InvalidInput, match=f"input 'input' has an? {word} value"):
                model.predict({"input": row})

    @pytest.mark.filterwarnings("ignore::FutureWarning")
    def test_a_translation_that_differs_is_not_used_and_the_report_says_where(self) -> None:
        """The probabilities of a support vector machine are not what its converter makes of them near the border."""
        x, y = CANCER
        estimator = make_pipeline(StandardScaler(), SVC(probability=True, random_state=0)).fit(x, y)
        report = compile_model(_on_array(estimator), {"input": x[:30]}, measure=_fast).report
        assert not report.accepted
        assert any("differs by" in reason for reason in report.reasons), report.reasons

    def test_a_translation_that_is_not_faster_is_not_used(self) -> None:
        x, y = CANCER

        def measure(original: Model, compiled: Model, rows: Tensors) -> list[Speed]:
            return [Speed(rows=1, original_s=2e-3, compiled_s=1e-3), Speed(rows=100, original_s=1e-3, compiled_s=2e-3)]

        original = _on_array(DecisionTreeClassifier(max_depth=2).fit(x, y))
        report = compile_model(original, {"input": x[:30]}, measure=measure).report
        assert not report.accepted
        assert report.reasons[0] == "float64: not faster: 100 rows take 0.50 times as long as compiled"

    def test_a_model_without_a_translator_is_reported(self) -> None:
        class Odd:
            def predict(self, rows: Any) -> Any:
                return rows[:, 0]

        report = compile_model(_on_array(Odd()), {"input": CANCER[0][:30]}, measure=_fast).report
        assert not report.accepted
        assert report.reasons[0].startswith("there is no translator for Odd")


class TestScikitLearnOnFrames:
    @pytest.mark.parametrize("classifier", [LogisticRegression(), RandomForestClassifier(10, random_state=0)])
    def test_imputers_and_one_hot_encoders_with_missing_texts(
        self, classifier: Any, survey: tuple[pd.DataFrame, npt.NDArray[np.int64]]
    ) -> None:
        x, y = survey
        texts = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
        numbers = make_pipeline(SimpleImputer(), StandardScaler())
        transformer = ColumnTransformer(
            [("n", numbers, ["age", "children"]), ("t", texts, ["religious", "occupation"])]
        )
        original = _on_frame(make_pipeline(transformer, classifier).fit(x, y), x)
        _assert_same(compile_model(original, _columns(x.head(30)), measure=_fast), original, _columns(x.iloc[30:]))

    @pytest.mark.parametrize(
        "encoder",
        [
            OneHotEncoder(handle_unknown="ignore"),
            OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
            OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-2, encoded_missing_value=-1),
        ],
    )
    def test_encoders_that_know_missing_texts_themselves(
        self, encoder: Any, survey: tuple[pd.DataFrame, npt.NDArray[np.int64]]
    ) -> None:
        x, y = survey
        transformer = ColumnTransformer(
            [("n", "passthrough", ["age", "children"]), ("t", encoder, ["religious", "occupation"])]
        )
        original = _on_frame(make_pipeline(transformer, RandomForestClassifier(10, random_state=0)).fit(x, y), x)
        _assert_same(compile_model(original, _columns(x.head(30)), measure=_fast), original, _columns(x.iloc[30:]))

    def test_a_category_that_the_model_refuses_the_graph_refuses(
        self, survey: tuple[pd.DataFrame, npt.NDArray[np.int64]]
    ) -> None:
        x, y = survey[0][["children", "religious"]], survey[1]
        transformer = ColumnTransformer([("n", StandardScaler(), ["children"]), ("t", OneHotEncoder(), ["religious"])])
        original = _on_frame(make_pipeline(transformer, LogisticRegression()).fit(x, y), x)
        compilation = compile_model(original, _columns(x.head(30)), measure=_fast)
        _assert_same(compilation, original, _columns(x.iloc[30:]))
        assert compilation.report.rows["refused"] > 0
        with pytest.raises(InvalidInput, match="refuses these values"):
            _compiled(compilation).predict(
                {"children": np.array([1.0]), "religious": np.array(["martian"], dtype=object)}
            )


class TestBoosters:
    @pytest.mark.parametrize("data", [CANCER, DIGITS, DIABETES], ids=["two", "ten", "regression"])
    @pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
    def test_a_native_file_is_compiled(self, library: str, data: tuple[Any, Any], tmp_path: Any) -> None:
        x, y = data
        x = np.where(np.arange(x.size).reshape(x.shape) % 7 == 0, np.nan, x)
        objective = {2: "binary", 10: "multi"}.get(len(np.unique(y)), "regression")
        original = _saved(library, objective, x, y, tmp_path)
        rows = x.astype(original.signature.inputs[0].datatype.numpy_dtype)
        compilation = compile_model(original, {"input": rows[:30]}, measure=_fast)
        assert compilation.report.computes_in == "float64"
        _assert_same(compilation, original, {"input": rows[30:]})


def _saved(library: str, objective: str, x: Any, y: Any, folder: Any) -> Model:
    if library == "xgboost":
        objectives = {"binary": "binary:logistic", "multi": "multi:softprob", "regression": "reg:squarederror"}
        options: dict[str, Any] = {"objective": objectives[objective]} | (
            {"num_class": 10} if objective == "multi" else {}
        )
        xgboost.train(options, xgboost.DMatrix(x, y), 5).save_model(folder / "model.ubj")
        return XgboostRuntime().load(folder / "model.ubj")
    objectives = {"binary": "binary", "multi": "multiclass", "regression": "regression"}
    options = {"objective": objectives[objective], "verbose": -1} | ({"num_class": 10} if objective == "multi" else {})
    lightgbm.train(options, lightgbm.Dataset(x, y), 5).save_model(folder / "model.txt")
    return LightgbmRuntime().load(folder / "model.txt")


class TestReport:
    def test_it_tells_what_was_tried_how_far_apart_and_how_fast(self) -> None:
        x, y = CANCER
        report = compile_model(_on_array(DecisionTreeClassifier(random_state=0).fit(x, y)), {"input": x[:30]}).report
        document = report.document()
        assert document["rows"]["example"] == 30
        assert document["rows"]["sampled"] > 300
        assert document["rows"]["near splits"] > 100
        assert document["largest_difference"] == {"predictions": 0.0, "probabilities": 0.0}
        assert [speed["rows"] for speed in document["speed"]] == [1, 100]
        assert report.summary.startswith("compiled: ")
