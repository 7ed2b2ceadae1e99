"""Pieces of scikit-learn that have converters of ours: each answers as the original does, and refuses what it does."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.feature_selection import RFE, VarianceThreshold
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)
from sklearn.tree import DecisionTreeClassifier

from modelyard_serving.compile.compiler import Compilation, compile_model
from modelyard_serving.compile.speed import Speed
from modelyard_serving.errors import InvalidInput
from modelyard_serving.protocol.datatypes import Datatype
from modelyard_serving.runtimes.base import Model, Tensors
from modelyard_serving.runtimes.compiled import CompiledModel, GraphDescription
from modelyard_serving.runtimes.estimator import EstimatorModel
from modelyard_serving.runtimes.onnx import open_session
from modelyard_serving.runtimes.sklearn import estimator_model
from modelyard_serving.signature import InputKind, Signature, TensorSpec

CANCER, LABELS = load_breast_cancer(return_X_y=True)
CANCER = CANCER[:, :4]
DIABETES, PROGRESS = load_diabetes(return_X_y=True)
DIABETES = DIABETES[:, :4]


def _fast(original: Model, compiled: Model, rows: Tensors) -> list[Speed]:
    """Whether a graph is faster is for a quiet machine to say."""
    return [Speed(rows=1, original_s=1e-3, compiled_s=1e-4)]


def _compiled(compilation: Compilation) -> Model:
    assert compilation.report.accepted, compilation.report.reasons
    assert compilation.graph is not None
    assert compilation.description is not None
    return CompiledModel(open_session(compilation.graph), compilation.description)


def _assert_same(original: Model, rows: Tensors, unseen: Tensors) -> Model:
    """The compiled model, which answers rows that were not among those tried as the original does."""
    compiled = _compiled(compile_model(original, rows, measure=_fast))
    expected, got = original.predict(unseen), compiled.predict(unseen)
    for name, values in expected.items():
        np.testing.assert_allclose(got[name], values, rtol=1e-5, atol=1e-6)
    return compiled


def _on_array(estimator: Any) -> Model:
    return estimator_model(estimator, platform="sklearn_pickle")


class TestTargets:
    @pytest.mark.parametrize(
        "regressor",
        [
            pytest.param(TransformedTargetRegressor(Ridge()), id="identity"),
            pytest.param(TransformedTargetRegressor(Ridge(), func=np.log, inverse_func=np.exp), id="log"),
            pytest.param(TransformedTargetRegressor(Ridge(), func=np.log1p, inverse_func=np.expm1), id="log1p"),
            pytest.param(TransformedTargetRegressor(Ridge(), func=np.sqrt, inverse_func=np.square), id="sqrt"),
            pytest.param(TransformedTargetRegressor(Ridge(), transformer=StandardScaler()), id="standard"),
            pytest.param(TransformedTargetRegressor(Ridge(), transformer=MinMaxScaler()), id="min-max"),
            pytest.param(TransformedTargetRegressor(Ridge(), transformer=MaxAbsScaler()), id="max-abs"),
            pytest.param(
                TransformedTargetRegressor(Ridge(), transformer=RobustScaler(with_scaling=False)), id="robust"
            ),
            pytest.param(
                TransformedTargetRegressor(
                    Ridge(), transformer=make_pipeline(FunctionTransformer(np.log, np.exp), StandardScaler())
                ),
                id="pipeline",
            ),
            pytest.param(
                make_pipeline(StandardScaler(), TransformedTargetRegressor(Ridge(), func=np.log, inverse_func=np.exp)),
                id="inside-a-pipeline",
            ),
        ],
    )
    def test_the_way_back_is_part_of_the_graph(self, regressor: Any) -> None:
        original = _on_array(regressor.fit(DIABETES, PROGRESS))
        _assert_same(original, {"input": DIABETES[:30]}, {"input": DIABETES[30:]})

    def test_the_model_itself_is_left_as_it_was(self) -> None:
        last = TransformedTargetRegressor(Ridge(), func=np.log, inverse_func=np.exp)
        pipeline = make_pipeline(StandardScaler(), last).fit(DIABETES, PROGRESS)
        compile_model(_on_array(pipeline), {"input": DIABETES[:30]}, measure=_fast)
        assert pipeline.steps[-1][1] is last

    @pytest.mark.parametrize(
        ("arguments", "reason"),
        [
            ({"transformer": QuantileTransformer(n_quantiles=10)}, "the inverse of QuantileTransformer"),
            ({"func": np.log, "inverse_func": lambda values: np.exp(values) + 0.0}, "the function '<lambda>'"),
        ],
    )
    def test_an_inverse_that_is_not_known_is_reported(self, arguments: dict[str, Any], reason: str) -> None:
        regressor = TransformedTargetRegressor(Ridge(), **arguments).fit(DIABETES, PROGRESS)
        report = compile_model(_on_array(regressor), {"input": DIABETES[:30]}, measure=_fast).report
        assert not report.accepted
        assert reason in report.reasons[0]


class TestNumbers:
    @pytest.mark.parametrize(
        "transformer",
        [
            Binarizer(threshold=14.1),
            KBinsDiscretizer(4, quantile_method="averaged_inverted_cdf"),
            KBinsDiscretizer(3, encode="ordinal", strategy="uniform"),
            PolynomialFeatures(2),
            PolynomialFeatures(3, interaction_only=True, include_bias=False),
        ],
        ids=["binarizer", "bins-one-hot", "bins-ordinal", "polynomial", "interactions"],
    )
    def test_they_compute_in_float64(self, transformer: Any) -> None:
        pipeline = make_pipeline(transformer, StandardScaler(with_mean=False), LogisticRegression()).fit(CANCER, LABELS)
        _assert_same(_on_array(pipeline), {"input": CANCER[:30]}, {"input": CANCER[30:]})

    @pytest.mark.parametrize(
        "function", [np.abs, np.exp2, np.expm1, np.floor, np.log10, np.log1p, np.log2, np.negative, np.sqrt, np.square]
    )
    def test_functions_of_numpy(self, function: Any) -> None:
        x = CANCER / CANCER.max(axis=0)
        pipeline = make_pipeline(FunctionTransformer(function), Ridge()).fit(x, LABELS)
        _assert_same(_on_array(pipeline), {"input": x[:30]}, {"input": x[30:]})

    def test_what_a_function_makes_of_a_number_outside_its_domain_is_refused_as_the_model_does(self) -> None:
        pipeline = make_pipeline(FunctionTransformer(np.log1p), Ridge()).fit(CANCER, LABELS)
        compiled = _assert_same(_on_array(pipeline), {"input": CANCER[:30]}, {"input": CANCER[30:]})
        with pytest.raises(InvalidInput, match="refuses these values"):
            compiled.predict({"input": np.array([[1.0, -2.0, 1.0, 1.0]])})

    @pytest.mark.parametrize("loss", ["poisson", "gamma"])
    def test_losses_of_histogram_boosting_with_a_logarithmic_link(self, loss: Any) -> None:
        model = HistGradientBoostingRegressor(loss=loss, max_iter=5).fit(DIABETES, PROGRESS)
        _assert_same(_on_array(model), {"input": DIABETES[:30]}, {"input": DIABETES[30:]})

    @pytest.mark.parametrize(
        "selector",
        [VarianceThreshold(0.01), RFE(DecisionTreeClassifier(random_state=0), n_features_to_select=2)],
    )
    def test_a_column_that_a_selector_drops_may_hold_anything_and_a_kept_one_may_not(
        self, selector: Any, tmp_path: Path
    ) -> None:
        x = CANCER[:, [0, 1]]
        x = np.column_stack([x, np.full(len(x), 0.5)])
        pipeline = make_pipeline(selector, StandardScaler(), LogisticRegression()).fit(x, LABELS)
        original = _on_array(pipeline)
        compilation = compile_model(original, {"input": x[:30]}, measure=_fast)
        assert compilation.description is not None
        (tmp_path / "graph.json").write_bytes(compilation.description.to_json())
        assert GraphDescription.read(tmp_path / "graph.json") == compilation.description
        compiled = _compiled(compilation)
        rows = {"input": np.array([[14.0, 20.0, np.nan]])}
        assert compiled.predict(rows)["predictions"].tolist() == original.predict(rows)["predictions"].tolist()
        for model in (original, compiled):
            with pytest.raises(InvalidInput):
                model.predict({"input": np.array([[np.nan, 20.0, 0.5]])})


@pytest.fixture(scope="module")
def flats() -> tuple[pd.DataFrame, Any]:
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "size": np.where(random.random(240) < 0.1, np.nan, random.normal(80.0, 20.0, 240)),
            "town": random.choice(["Bern", "Graz", "Ulm", "Vaduz"], 240, p=[0.5, 0.3, 0.18, 0.02]),
        }
    )
    rent = frame["size"].fillna(60.0) * np.where(frame["town"] == "Bern", 20.0, 9.0) + random.normal(0.0, 9.0, 240)
    return frame, rent.to_numpy()


OnFrame = Callable[[Any], tuple[Model, pd.DataFrame]]


@pytest.fixture
def on_flats(flats: tuple[pd.DataFrame, Any]) -> OnFrame:
    """A regression of the rent, whose towns go through an encoder."""
    frame, rent = flats

    def fitted(encoder: Any) -> tuple[Model, pd.DataFrame]:
        sizes = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
        columns = ColumnTransformer([("n", sizes, ["size"]), ("t", encoder, ["town"])])
        regressor = TransformedTargetRegressor(make_pipeline(columns, Ridge()), func=np.log, inverse_func=np.exp)
        known = estimator_model(regressor.fit(frame, rent), platform="sklearn_pickle")
        inputs = (TensorSpec("size", Datatype.FP64, (-1,), optional=True), TensorSpec("town", Datatype.BYTES, (-1,)))
        model = EstimatorModel(
            platform=known.platform,
            estimator=regressor,
            signature=Signature(inputs=inputs, outputs=known.signature.outputs, kind=InputKind.FRAME),
            labels=["size", "town"],
            predict=regressor.predict,
        )
        return model, frame

    return fitted


def _columns(frame: pd.DataFrame) -> Tensors:
    return {"size": frame["size"].to_numpy(), "town": frame["town"].to_numpy(dtype=object)}


class TestTexts:
    @pytest.mark.parametrize(
        ("encoder", "of_a_stranger"),
        [
            (OneHotEncoder(min_frequency=20, handle_unknown="infrequent_if_exist"), None),
            (OneHotEncoder(min_frequency=20, handle_unknown="ignore"), None),
            (OneHotEncoder(handle_unknown="infrequent_if_exist"), None),
            (OrdinalEncoder(min_frequency=20, handle_unknown="use_encoded_value", unknown_value=-1), None),
            (TargetEncoder(), None),
            (OrdinalEncoder(), "refused"),
        ],
        ids=["infrequent", "ignored", "none-infrequent", "ordinal", "target", "ordinal-strict"],
    )
    def test_known_texts_and_strangers_go_where_the_model_sends_them(
        self, on_flats: OnFrame, encoder: Any, of_a_stranger: str | None
    ) -> None:
        original, frame = on_flats(encoder)
        compiled = _assert_same(original, _columns(frame.head(20)), _columns(frame.iloc[20:]))
        stranger = {"size": np.array([50.0]), "town": np.array(["Linz"], dtype=object)}
        if of_a_stranger == "refused":
            with pytest.raises(InvalidInput, match="refuses these values"):
                compiled.predict(stranger)
            return
        expected = original.predict(stranger)["predictions"]
        np.testing.assert_allclose(compiled.predict(stranger)["predictions"], expected)
