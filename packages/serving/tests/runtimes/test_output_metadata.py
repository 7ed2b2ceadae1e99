"""The metadata of a model says of its outputs what its answers are: over every runtime and kind of estimator."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import catboost
import joblib
import lightgbm
import mlflow
import numpy as np
import onnx
import pandas as pd
import pytest
import xgboost
from onnx import TensorProto, helper
from sklearn import (
    cluster,
    compose,
    cross_decomposition,
    dummy,
    ensemble,
    linear_model,
    mixture,
    model_selection,
    multiclass,
    multioutput,
    neighbors,
    neural_network,
    svm,
    tree,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from modelyard_serving.bundle import OpenedModel
from modelyard_serving.errors import InvalidInput
from modelyard_serving.protocol.datatypes import Datatype
from modelyard_serving.protocol.messages import InferRequest, RequestedOutput
from modelyard_serving.protocol.response_builder import ResponseBuilder
from modelyard_serving.signature import TensorSpec
from modelyard_serving.synthetic_rows import probe_rows

Open = Callable[..., OpenedModel]
Save = Callable[..., Path]
Answer = Callable[..., Any]

_RANDOM = np.random.default_rng(0)
X = _RANDOM.normal(size=(60, 4))
YES = X[:, 0] > 0
LABELS, TEXTS, THREE = YES.astype(int), np.where(YES, "yes", "no"), np.arange(60) % 3
TWO_LABELS, TWO_TEXTS, TWO_NUMBERS = np.c_[LABELS, X[:, 1] > 0].astype(int), np.c_[TEXTS, TEXTS], X[:, :2] * 2
FRAME = pd.DataFrame(X, columns=list("abcd")).assign(b=pd.Categorical(np.where(X[:, 1] > 0, "up", "down")))
WORDS = ["red wine", "white bread"] * 30
BOOST: dict[str, Any] = {"n_estimators": 3}
LIGHT: dict[str, Any] = {"n_estimators": 3, "verbose": -1}
CAT: dict[str, Any] = {"iterations": 3, "verbose": 0, "allow_writing_files": False}
FOREST = ensemble.RandomForestClassifier(3)
LOGISTIC = linear_model.LogisticRegression()

ESTIMATORS: Mapping[str, Callable[[], Any]] = {
    "a regressor": lambda: linear_model.LinearRegression().fit(X, X[:, 0]),
    "a regressor of a column": lambda: linear_model.LinearRegression().fit(X, X[:, :1]),
    "a regressor of two": lambda: linear_model.LinearRegression().fit(X, TWO_NUMBERS),
    "a forest of two": lambda: ensemble.RandomForestRegressor(3).fit(X, TWO_NUMBERS),
    "partial least squares": lambda: cross_decomposition.PLSRegression(2).fit(X, TWO_NUMBERS),
    "regressors, one each": lambda: multioutput.MultiOutputRegressor(linear_model.Ridge()).fit(X, TWO_NUMBERS),
    "a transformed target": lambda: compose.TransformedTargetRegressor(linear_model.Ridge()).fit(X, X[:, 0]),
    "a classifier of integers": lambda: LOGISTIC.fit(X, LABELS),
    "of small integers": lambda: linear_model.LogisticRegression().fit(X, LABELS.astype(np.int8)),
    "of floats": lambda: linear_model.LogisticRegression().fit(X, LABELS.astype(float)),
    "of booleans": lambda: linear_model.LogisticRegression().fit(X, YES),
    "of texts": lambda: linear_model.LogisticRegression().fit(X, TEXTS),
    "of texts without probabilities": lambda: svm.SVC().fit(X, TEXTS),
    "dummy": lambda: dummy.DummyClassifier().fit(X, TEXTS),
    "a vote": lambda: ensemble.VotingClassifier([("a", LOGISTIC)]).fit(X, TEXTS),
    "a stack": lambda: ensemble.StackingClassifier([("a", LOGISTIC)]).fit(X, TEXTS),
    "a search": lambda: model_selection.GridSearchCV(LOGISTIC, {"C": [1.0]}, cv=2).fit(X, TEXTS),
    "a forest of labels": lambda: ensemble.RandomForestClassifier(3).fit(X, TWO_LABELS),
    "a forest of texts": lambda: ensemble.RandomForestClassifier(3).fit(X, TWO_TEXTS),
    "a tree of labels": lambda: tree.DecisionTreeClassifier().fit(X, TWO_LABELS),
    "neighbours of labels": lambda: neighbors.KNeighborsClassifier(3).fit(X, TWO_LABELS),
    "a network of labels": lambda: neural_network.MLPClassifier((4,), max_iter=2000, tol=1e-2).fit(X, TWO_LABELS),
    "one against the rest": lambda: multiclass.OneVsRestClassifier(linear_model.LogisticRegression()).fit(
        X, TWO_LABELS
    ),
    "a chain": lambda: multioutput.ClassifierChain(linear_model.LogisticRegression()).fit(X, TWO_LABELS),
    "classifiers, one each": lambda: multioutput.MultiOutputClassifier(LOGISTIC).fit(X, TWO_TEXTS),
    "clusters": lambda: cluster.KMeans(3, n_init=1).fit(X),
    "clusters in a pipeline": lambda: make_pipeline(StandardScaler(), cluster.KMeans(2, n_init=1)).fit(X),
    "a mixture": lambda: mixture.GaussianMixture(2).fit(X),
    "outliers": lambda: ensemble.IsolationForest(n_estimators=3).fit(X),
    "documents": lambda: make_pipeline(TfidfVectorizer(), linear_model.LogisticRegression()).fit(WORDS, TEXTS),
    "encoded columns": lambda: make_pipeline(
        compose.ColumnTransformer([("e", OneHotEncoder(handle_unknown="error"), ["b"])], remainder="passthrough"),
        linear_model.LogisticRegression(),
    ).fit(FRAME.assign(b=FRAME["b"].astype(str)), TEXTS),
    "LightGBM": lambda: lightgbm.LGBMClassifier(**LIGHT).fit(X, TEXTS),
    "LightGBM, categories": lambda: lightgbm.LGBMClassifier(**LIGHT).fit(FRAME, TEXTS),
    "LightGBM, a regressor of categories": lambda: lightgbm.LGBMRegressor(**LIGHT).fit(FRAME, X[:, 0]),
    "LightGBM, categories in a pipeline": lambda: Pipeline([("m", lightgbm.LGBMClassifier(**LIGHT))]).fit(FRAME, TEXTS),
    "LightGBM, categories in a search": lambda: model_selection.GridSearchCV(
        lightgbm.LGBMClassifier(**LIGHT), {"max_depth": [2]}, cv=2
    ).fit(FRAME, TEXTS),
    "XGBoost": lambda: xgboost.XGBClassifier(**BOOST).fit(X, THREE),
    "XGBoost, categories": lambda: xgboost.XGBClassifier(**BOOST, enable_categorical=True).fit(FRAME, LABELS),
    "XGBoost, categories in a pipeline": lambda: Pipeline(
        [("m", xgboost.XGBClassifier(**BOOST, enable_categorical=True))]
    ).fit(FRAME, LABELS),
    "XGBoost, two numbers": lambda: xgboost.XGBRegressor(**BOOST).fit(X, TWO_NUMBERS),
    "XGBoost, two labels": lambda: xgboost.XGBClassifier(**BOOST).fit(X, TWO_LABELS),
    "XGBoost, a ranker": lambda: xgboost.XGBRanker(**BOOST).fit(X, LABELS, group=[30, 30]),
    "CatBoost": lambda: catboost.CatBoostClassifier(**CAT).fit(X, TEXTS),
    "CatBoost, three": lambda: catboost.CatBoostClassifier(**CAT).fit(X, THREE),
    "CatBoost, a regressor": lambda: catboost.CatBoostRegressor(**CAT).fit(X, X[:, 0]),
    "CatBoost, two numbers": lambda: catboost.CatBoostRegressor(**CAT, loss_function="MultiRMSE").fit(X, TWO_NUMBERS),
    "CatBoost, categories": lambda: catboost.CatBoostClassifier(**CAT, cat_features=["b"]).fit(
        FRAME.assign(b=FRAME["b"].astype(str)), LABELS
    ),
}


def declared_and_observed(opened: OpenedModel) -> list[tuple[TensorSpec, Datatype, tuple[int, ...]]]:
    """The declared and the observed form of each output, for one row and for three."""
    model, rows = opened.model, probe_rows(opened.model, None)
    assert rows is not None
    names = [spec.name for spec in model.signature.outputs]
    asked = InferRequest([], outputs=tuple(RequestedOutput(name) for name in names))
    compared = []
    for count in (1, 3):
        result = model.predict({name: array[:count] for name, array in rows.items()}, outputs=names)
        tensors = ResponseBuilder("m", "1", model.signature).build(result, asked).outputs
        compared += [
            (spec, tensor.datatype, tensor.array.shape)
            for spec, tensor in zip(model.signature.outputs, tensors, strict=True)
        ]
    return compared


def assert_alike(opened: OpenedModel) -> None:
    for spec, datatype, shape in declared_and_observed(opened):
        assert datatype is spec.datatype, spec
        assert len(shape) == len(spec.shape), spec
        assert all(reported in (-1, actual) for reported, actual in zip(spec.shape, shape, strict=True)), (spec, shape)


class TestFiles:
    @pytest.mark.parametrize("kind", ESTIMATORS)
    def test_an_estimator_tells_what_it_answers(self, kind: str, tmp_path: Path, opened: Open) -> None:
        joblib.dump(ESTIMATORS[kind](), tmp_path / "model.joblib")
        assert_alike(opened(tmp_path / "model.joblib", trust_pickle=True))

    def test_they_tell_the_right_thing(self, tmp_path: Path, opened: Open) -> None:
        reported = {}
        for kind in ("clusters", "a forest of texts", "of texts", "documents"):
            joblib.dump(ESTIMATORS[kind](), tmp_path / "model.joblib")
            output = opened(tmp_path / "model.joblib", trust_pickle=True).model.signature.outputs[0]
            reported[kind] = (output.datatype, output.shape)
        assert reported == {
            "clusters": (Datatype.INT32, (-1,)),
            "a forest of texts": (Datatype.BYTES, (-1, 2)),
            "of texts": (Datatype.BYTES, (-1,)),
            "documents": (Datatype.BYTES, (-1,)),
        }

    def test_boosters_tell_what_they_answer(self, tmp_path: Path, opened: Open) -> None:
        parameters = {"objective": "multi:softprob", "num_class": 3}
        xgboost.train(parameters, xgboost.DMatrix(X, THREE), 3).save_model(tmp_path / "x.ubj")
        lightgbm.train({"verbose": -1}, lightgbm.Dataset(X, X[:, 0]), 3).save_model(tmp_path / "l.txt")
        catboost.CatBoostClassifier(**CAT).fit(X, THREE).save_model(str(tmp_path / "c.cbm"))
        for name in ("x.ubj", "l.txt", "c.cbm"):
            assert_alike(opened(tmp_path / name))

    def test_a_graph_that_says_less_than_it_does_is_seen(self, tmp_path: Path, opened: Open) -> None:
        inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 4])]
        outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, None])]
        graph = helper.make_graph([helper.make_node("Neg", ["x"], ["y"])], "g", inputs, outputs)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        onnx.save(model, tmp_path / "g.onnx")
        served = opened(tmp_path / "g.onnx")
        assert served.model.signature.outputs[0].shape == (-1, 4)
        assert_alike(served)


class TestFolders:
    def test_a_signature_that_says_otherwise_is_put_right(
        self, save_sklearn: Save, infer_signature: Answer, opened: Open
    ) -> None:
        model = linear_model.LogisticRegression().fit(X, TEXTS)
        wrong = infer_signature(X, np.zeros((60, 1)))
        served = opened(save_sklearn(model, signature=wrong))
        assert_alike(served)
        assert served.model.signature.outputs[0].datatype is Datatype.BYTES

    def test_a_signature_without_outputs_does_not_cast_the_answers(
        self, save_sklearn: Save, infer_signature: Answer, opened: Open
    ) -> None:
        served = opened(save_sklearn(cluster.KMeans(3, n_init=1).fit(X), signature=infer_signature(X)))
        assert_alike(served)
        assert served.model.signature.outputs[0].datatype is Datatype.INT32

    def test_outputs_that_were_declared_one_by_one_come_one_by_one(
        self, save_sklearn: Save, infer_signature: Answer, opened: Open
    ) -> None:
        targets = pd.DataFrame(TWO_NUMBERS, columns=["width", "height"])
        model = linear_model.LinearRegression().fit(X, targets)
        served = opened(save_sklearn(model, signature=infer_signature(X, targets)))
        assert_alike(served)
        assert [spec.name for spec in served.model.signature.outputs] == ["width", "height"]

    def test_a_model_without_a_signature_tells_what_it_answers_to_its_example(
        self, save_model: Save, opened: Open
    ) -> None:
        path = save_model(_Pyfunc, Twice())
        (path / "MLmodel").write_text(
            (path / "MLmodel").read_text() + "saved_input_example_info:\n  serving_input_path: rows.json\n"
        )
        (path / "rows.json").write_text('{"inputs": [[1.0, 2.0]]}')
        reported = {spec.name: (spec.datatype, spec.shape) for spec in opened(path).model.signature.outputs}
        assert reported == {"twice": (Datatype.FP64, (-1, -1)), "words": (Datatype.BYTES, (-1,))}


class Twice(mlflow.pyfunc.PythonModel):  # type: ignore[misc, name-defined]  # MLflow has no types.
    """Twice its input, and a word for each row."""

    # MLflow reads type hints as a declaration of the input, so there are none.
    def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
        return {"twice": np.asarray(model_input) * 2, "words": np.array(["a"] * len(model_input))}


class _Pyfunc:
    """`mlflow.pyfunc` as the fixture calls a flavor."""

    @staticmethod
    def save_model(model: Any, *, path: str, **options: Any) -> None:
        mlflow.pyfunc.save_model(path, python_model=model, **options)


class TestCategories:
    @pytest.mark.parametrize(
        "kind",
        ["LightGBM, categories", "LightGBM, categories in a search", "XGBoost, categories"],
    )
    def test_they_are_taken_by_name_and_answered_as_by_the_estimator(
        self, kind: str, tmp_path: Path, opened: Open, answer: Answer
    ) -> None:
        estimator = ESTIMATORS[kind]()
        joblib.dump(estimator, tmp_path / "model.joblib")
        served = opened(tmp_path / "model.joblib", trust_pickle=True)
        assert [spec.datatype for spec in served.model.signature.inputs].index(Datatype.BYTES) == 1
        records = FRAME.astype({"b": object}).to_dict(orient="records")
        predictions = answer(served, dataframe_records=records)["predictions"]
        np.testing.assert_array_equal(predictions, estimator.predict(FRAME))
        with pytest.raises(InvalidInput, match="column 'b', row 0: expected one of 'down', 'up', got 'sideways'"):
            answer(served, dataframe_records=[records[0] | {"b": "sideways"}])
