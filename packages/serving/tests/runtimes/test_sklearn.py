from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import joblib
import mlflow
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from modelyard_serving.bundle import OpenedModel
from modelyard_serving.errors import InvalidInput, InvalidModel
from modelyard_serving.protocol.datatypes import Datatype
from modelyard_serving.runtimes.estimator import EstimatorModel
from modelyard_serving.runtimes.sklearn import SklearnRuntime
from modelyard_serving.signature import InputKind, TensorSpec

Save = Callable[..., Path]
Open = Callable[..., OpenedModel]
Answer = Callable[..., Any]
Infer = Callable[..., Any]


def _mixed_pipeline(classifier: Any) -> Pipeline:
    numbers, texts = ["age", "children", "educ"], ["religious", "occupation"]
    texts_pipeline = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
    numbers_pipeline = make_pipeline(SimpleImputer(), StandardScaler())
    transformer = ColumnTransformer(
        [
            ("numbers", numbers_pipeline, numbers),
            ("texts", texts_pipeline, texts),
            ("rest", "passthrough", ["is_long_married"]),
        ]
    )
    return make_pipeline(transformer, classifier)


@pytest.fixture(scope="module")
def cancer(save_sklearn: Save, infer_signature: Infer) -> tuple[Path, Any]:
    x, y = load_breast_cancer(return_X_y=True)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(x, y)
    signature = infer_signature(x, model.predict(x))
    return save_sklearn(model, name="cancer", signature=signature, input_example=x[:3]), x


@pytest.fixture(scope="module")
def mixed(save_sklearn: Save, infer_signature: Infer, fair: pd.DataFrame) -> tuple[Path, pd.DataFrame]:
    x, y = fair.drop(columns="target"), fair["target"]
    model = _mixed_pipeline(LogisticRegression()).fit(x, y)
    signature = infer_signature(x, model.predict(x))
    return save_sklearn(model, name="mixed", signature=signature, input_example=x.head(3)), x


class TestModelsOnArrays:
    def test_the_predictions_are_those_of_mlflow(
        self, cancer: tuple[Path, Any], opened: Open, answer: Answer, mlflow_answer: Answer
    ) -> None:
        path, x = cancer
        predictions = answer(opened(path), inputs=x)["predictions"]
        np.testing.assert_array_equal(predictions, mlflow_answer(path, x))
        assert predictions.dtype == np.int64

    def test_probabilities_are_computed_only_for_who_asks(
        self, cancer: tuple[Path, Any], opened: Open, answer: Answer
    ) -> None:
        path, x = cancer
        model = opened(path)
        assert list(answer(model, inputs=x[:2])) == ["predictions"]
        assert list(answer(model, inputs=x[:2], outputs=["probabilities"])) == ["probabilities"]
        both = answer(model, inputs=x, outputs=["predictions", "probabilities"])
        np.testing.assert_array_equal(both["probabilities"].argmax(axis=1), both["predictions"])
        np.testing.assert_allclose(both["probabilities"].sum(axis=1), 1)

    def test_the_probabilities_are_an_optional_output_of_the_signature(
        self, cancer: tuple[Path, Any], opened: Open
    ) -> None:
        signature = opened(cancer[0]).model.signature
        assert signature.outputs[1] == TensorSpec("probabilities", Datatype.FP64, (-1, 2), optional=True)
        assert [spec.name for spec in signature.default_outputs] == ["predictions"]

    def test_the_logged_example_can_be_sent_as_it_is(
        self, cancer: tuple[Path, Any], opened: Open, answer: Answer
    ) -> None:
        model = opened(cancer[0])
        assert answer(model, **(model.example or {}))["predictions"].tolist() == [0, 0, 0]

    @pytest.mark.parametrize("serialization", ["skops", "pickle", "cloudpickle"])
    def test_each_serialization_of_mlflow_is_read(
        self,
        serialization: str,
        save_sklearn: Save,
        infer_signature: Infer,
        opened: Open,
        answer: Answer,
        mlflow_answer: Answer,
    ) -> None:
        x, y = load_diabetes(return_X_y=True)
        path = save_sklearn(Ridge().fit(x, y), serialization_format=serialization, signature=infer_signature(x, y))
        model = opened(path)
        assert model.model.platform == f"sklearn_{serialization}"
        np.testing.assert_array_equal(answer(model, inputs=x)["predictions"], mlflow_answer(path, x))

    def test_another_predict_function_is_honoured(
        self, save_sklearn: Save, infer_signature: Infer, opened: Open, answer: Answer, mlflow_answer: Answer
    ) -> None:
        x, y = load_digits(return_X_y=True)
        model = RandomForestClassifier(n_estimators=5, random_state=0).fit(x, y)
        path = save_sklearn(
            model,
            pyfunc_predict_fn="predict_proba",
            signature=infer_signature(x, model.predict_proba(x)),
        )
        served = opened(path)
        assert [spec.name for spec in served.model.signature.outputs] == ["predictions"]
        np.testing.assert_array_equal(answer(served, inputs=x)["predictions"], mlflow_answer(path, x))

    def test_several_targets_are_one_output_of_two_dimensions(
        self, save_sklearn: Save, infer_signature: Infer, opened: Open, answer: Answer, mlflow_answer: Answer
    ) -> None:
        x, y = load_breast_cancer(return_X_y=True)
        targets = np.stack([y, 1 - y], axis=1)
        model = MultiOutputClassifier(RandomForestClassifier(n_estimators=3, random_state=0)).fit(x, targets)
        path = save_sklearn(model, signature=infer_signature(x, targets))
        served = opened(path)
        assert [spec.name for spec in served.model.signature.outputs] == ["predictions"]
        np.testing.assert_array_equal(answer(served, inputs=x)["predictions"], mlflow_answer(path, x))

    def test_jobs_are_set_to_one(self, save_sklearn: Save, infer_signature: Infer, opened: Open) -> None:
        x, y = load_digits(return_X_y=True)
        model = make_pipeline(StandardScaler(), RandomForestClassifier(n_estimators=3, n_jobs=-1).fit(x, y))
        served = opened(save_sklearn(model)).model
        assert isinstance(served, EstimatorModel)
        estimator = cast("Any", served._predict).__self__
        assert estimator.get_params()["randomforestclassifier__n_jobs"] == 1

    def test_a_missing_value_that_the_model_refuses_is_the_callers_fault(
        self, cancer: tuple[Path, Any], opened: Open, answer: Answer
    ) -> None:
        path, x = cancer
        rows = x[:1].tolist()
        rows[0][4] = None
        with pytest.raises(InvalidInput, match="the model refuses these values: Input X contains NaN"):
            answer(opened(path), inputs=rows)

    def test_a_missing_value_that_the_model_knows_is_predicted(
        self, save_sklearn: Save, infer_signature: Infer, opened: Open, answer: Answer, mlflow_answer: Answer
    ) -> None:
        x, y = load_breast_cancer(return_X_y=True)
        path = save_sklearn(HistGradientBoostingClassifier(max_iter=5).fit(x, y), signature=infer_signature(x, y))
        rows = np.where(np.arange(x.size).reshape(x.shape) % 13 == 0, np.nan, x)
        np.testing.assert_array_equal(answer(opened(path), inputs=rows)["predictions"], mlflow_answer(path, rows))


class TestModelsOnFrames:
    def test_a_frame_of_mixed_types_with_missing_values_is_predicted_as_mlflow_does(
        self, mixed: tuple[Path, pd.DataFrame], opened: Open, answer: Answer, mlflow_answer: Answer
    ) -> None:
        path, x = mixed
        records = x.astype(object).where(x.notna(), None).to_dict(orient="records")
        columns = {name: [record[name] for record in records] for name in x.columns}
        model, expected = opened(path), mlflow_answer(path, x)
        assert 0 < expected.mean() < 1
        np.testing.assert_array_equal(answer(model, inputs=columns)["predictions"], expected)
        np.testing.assert_array_equal(answer(model, dataframe_records=records)["predictions"], expected)

    def test_its_signature_has_a_column_of_each_type(self, mixed: tuple[Path, pd.DataFrame], opened: Open) -> None:
        signature = opened(mixed[0]).model.signature
        assert signature.kind is InputKind.FRAME
        assert {spec.name: (spec.datatype, spec.optional) for spec in signature.inputs} == {
            "age": (Datatype.FP64, True),
            "children": (Datatype.INT64, False),
            "educ": (Datatype.FP32, False),
            "religious": (Datatype.BYTES, False),
            "occupation": (Datatype.BYTES, True),
            "is_long_married": (Datatype.BOOL, False),
        }

    def test_the_probabilities_are_those_of_the_estimator(
        self, mixed: tuple[Path, pd.DataFrame], opened: Open, answer: Answer
    ) -> None:
        path, x = mixed
        split = {"columns": list(x.columns), "data": x.astype(object).where(x.notna(), None).to_numpy().tolist()}
        probabilities = answer(opened(path), dataframe_split=split, outputs=["probabilities"])["probabilities"]
        estimator = mlflow.sklearn.load_model(str(path))
        np.testing.assert_array_equal(probabilities, estimator.predict_proba(x))

    def test_an_optional_column_that_is_left_out_is_a_column_of_missing_values(
        self, mixed: tuple[Path, pd.DataFrame], opened: Open, answer: Answer, mlflow_answer: Answer
    ) -> None:
        path, x = mixed
        present = {name: x[name].tolist() for name in x.columns if name not in ("age", "occupation")}
        expected = mlflow_answer(path, x.assign(age=np.nan, occupation=pd.Series(np.nan, index=x.index, dtype=object)))
        np.testing.assert_array_equal(answer(opened(path), inputs=present)["predictions"], expected)

    def test_the_order_of_the_callers_columns_does_not_matter(
        self,
        save_sklearn: Save,
        infer_signature: Infer,
        anes96: pd.DataFrame,
        opened: Open,
        answer: Answer,
        mlflow_answer: Answer,
    ) -> None:
        x, y = anes96.drop(columns=["PID", "vote"]), anes96["PID"]
        path = save_sklearn(LinearRegression().fit(x, y), signature=infer_signature(x, y))
        backwards = {name: x[name].tolist() for name in reversed(x.columns)}
        answered = answer(opened(path), inputs=backwards)
        np.testing.assert_array_equal(next(iter(answered.values())), mlflow_answer(path, x))

    def test_without_a_signature_the_estimator_tells_its_columns(
        self,
        save_sklearn: Save,
        infer_signature: Infer,
        anes96: pd.DataFrame,
        opened: Open,
        answer: Answer,
        mlflow_answer: Answer,
    ) -> None:
        x, y = anes96.drop(columns=["PID", "vote"]), anes96["vote"]
        path = save_sklearn(make_pipeline(StandardScaler(), LogisticRegression()).fit(x, y))
        model = opened(path)
        assert not model.model.signature.is_declared
        assert [spec.name for spec in model.model.signature.inputs] == list(x.columns)
        columns = {name: x[name].tolist() for name in x.columns}
        np.testing.assert_array_equal(answer(model, inputs=columns)["predictions"], mlflow_answer(path, x))

    def test_integer_labels_of_columns_reach_the_model_as_integers(
        self, save_sklearn: Save, infer_signature: Infer, opened: Open, answer: Answer, mlflow_answer: Answer
    ) -> None:
        x, y = load_diabetes(return_X_y=True)
        frame = pd.DataFrame(x)
        path = save_sklearn(Ridge().fit(frame, y), signature=infer_signature(frame, y))
        columns = {str(name): frame[name].tolist() for name in frame.columns}
        np.testing.assert_array_equal(answer(opened(path), inputs=columns)["predictions"], mlflow_answer(path, frame))

    def test_a_category_that_the_model_refuses_is_the_callers_fault(
        self, save_sklearn: Save, infer_signature: Infer, fair: pd.DataFrame, opened: Open, answer: Answer
    ) -> None:
        model = make_pipeline(OneHotEncoder(), LogisticRegression()).fit(fair[["religious"]], fair["target"])
        path = save_sklearn(model, signature=infer_signature(fair[["religious"]], fair["target"]))
        with pytest.raises(InvalidInput, match="unknown categories"):
            answer(opened(path), inputs={"religious": ["martian"]})


class TestBareFiles:
    @pytest.mark.parametrize("suffix", [".joblib", ".pkl"])
    def test_a_pickle_is_served_when_it_is_trusted(
        self, suffix: str, tmp_path: Path, opened: Open, answer: Answer
    ) -> None:
        x, y = load_diabetes(return_X_y=True)
        model = Ridge().fit(x, y)
        joblib.dump(model, tmp_path / f"ridge{suffix}")
        served = opened(tmp_path / f"ridge{suffix}", trust_pickle=True)
        assert (served.name, served.version) == ("ridge", None)
        np.testing.assert_array_equal(answer(served, inputs=x)["predictions"], model.predict(x))

    def test_a_pickle_of_something_else_is_refused(self, tmp_path: Path) -> None:
        joblib.dump({"not": "a model"}, tmp_path / "thing.pkl")
        with pytest.raises(InvalidModel, match="holds a dict, which has no method predict"):
            SklearnRuntime().load(tmp_path / "thing.pkl")

    def test_a_file_that_is_no_pickle_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "thing.pkl").write_text("hello")
        with pytest.raises(InvalidModel, match="cannot be read as joblib"):
            SklearnRuntime().load(tmp_path / "thing.pkl")
