"""XGBoost and LightGBM: what they share is what a served booster owes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightgbm
import mlflow
import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits

from modelyard_serving.bundle import OpenedModel
from modelyard_serving.errors import InvalidInput, InvalidModel
from modelyard_serving.protocol.datatypes import Datatype
from modelyard_serving.signature import InputKind

Save = Callable[..., Path]
Open = Callable[..., OpenedModel]
Answer = Callable[..., Any]

CLASSIFIERS = [
    pytest.param(mlflow.xgboost, lambda: xgboost.XGBClassifier(n_estimators=10), {}, id="xgboost"),
    pytest.param(
        mlflow.lightgbm,
        lambda: lightgbm.LGBMClassifier(n_estimators=10, verbose=-1),
        {"serialization_format": "cloudpickle"},
        id="lightgbm",
    ),
]
REGRESSORS = [
    pytest.param(mlflow.xgboost, lambda: xgboost.XGBRegressor(n_estimators=10), {}, id="xgboost"),
    pytest.param(
        mlflow.lightgbm,
        lambda: lightgbm.LGBMRegressor(n_estimators=10, verbose=-1),
        {"serialization_format": "cloudpickle"},
        id="lightgbm",
    ),
]


def _with_categories(fair: pd.DataFrame) -> pd.DataFrame:
    return fair[["age", "religious", "children", "occupation"]].assign(
        religious=fair["religious"].astype("category"), occupation=fair["occupation"].astype("category")
    )


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = frame.astype(object).where(frame.notna(), None).to_dict(orient="records")
    return records


def _booster(library: str, x: Any, y: Any) -> Any:
    if library == "xgboost":
        return xgboost.train({"objective": "binary:logistic"}, xgboost.DMatrix(x, y, enable_categorical=True), 10)
    return lightgbm.train({"objective": "binary", "verbose": -1}, lightgbm.Dataset(x, y), 10)


class TestWrappers:
    @pytest.mark.parametrize(("flavor", "make", "options"), CLASSIFIERS)
    def test_a_classifier_on_an_array_answers_as_mlflow_does(
        self,
        flavor: Any,
        make: Any,
        options: Any,
        save_model: Save,
        opened: Open,
        answer: Answer,
        mlflow_answer: Answer,
    ) -> None:
        x, y = load_digits(return_X_y=True)
        model = make().fit(x, y)
        path = save_model(flavor, model, signature=mlflow.models.infer_signature(x, model.predict(x)), **options)
        served = opened(path)
        np.testing.assert_array_equal(answer(served, inputs=x)["predictions"], mlflow_answer(path, x))
        probabilities = answer(served, inputs=x, outputs=["probabilities"])["probabilities"]
        np.testing.assert_allclose(probabilities, model.predict_proba(x), rtol=1e-6)

    @pytest.mark.parametrize(("flavor", "make", "options"), REGRESSORS)
    def test_a_regressor_on_a_frame_answers_as_mlflow_does(
        self,
        flavor: Any,
        make: Any,
        options: Any,
        save_model: Save,
        opened: Open,
        answer: Answer,
        mlflow_answer: Answer,
    ) -> None:
        x, y = load_diabetes(return_X_y=True, as_frame=True)
        model = make().fit(x, y)
        path = save_model(flavor, model, signature=mlflow.models.infer_signature(x, model.predict(x)), **options)
        served = opened(path)
        columns = {name: x[name].tolist() for name in reversed(x.columns)}
        predictions = answer(served, inputs=columns)["predictions"]
        np.testing.assert_array_equal(predictions, mlflow_answer(path, x))
        assert predictions.dtype == served.model.signature.outputs[0].datatype.numpy_dtype

    @pytest.mark.parametrize(("flavor", "make", "options"), CLASSIFIERS)
    def test_missing_numbers_are_the_models_own_business(
        self,
        flavor: Any,
        make: Any,
        options: Any,
        save_model: Save,
        opened: Open,
        answer: Answer,
        mlflow_answer: Answer,
    ) -> None:
        x, y = load_breast_cancer(return_X_y=True)
        path = save_model(flavor, make().fit(x, y), signature=mlflow.models.infer_signature(x, y), **options)
        rows = np.where(np.arange(x.size).reshape(x.shape) % 7 == 0, np.nan, x)
        np.testing.assert_array_equal(answer(opened(path), inputs=rows)["predictions"], mlflow_answer(path, rows))

    @pytest.mark.parametrize(
        ("flavor", "make", "options"),
        [
            pytest.param(
                mlflow.xgboost, lambda: xgboost.XGBClassifier(n_estimators=5, enable_categorical=True), {}, id="xgboost"
            ),
            CLASSIFIERS[1],
        ],
    )
    def test_pandas_categories_come_as_text_and_reach_the_model_as_categories(
        self,
        flavor: Any,
        make: Any,
        options: Any,
        save_model: Save,
        fair: pd.DataFrame,
        opened: Open,
        answer: Answer,
        mlflow_answer: Answer,
    ) -> None:
        x = _with_categories(fair)
        path = save_model(flavor, make().fit(x, fair["target"]), **options)
        served = opened(path)
        assert [(spec.datatype, spec.logical_type) for spec in served.model.signature.inputs][1] == (
            Datatype.BYTES,
            "category",
        )
        predictions = answer(served, dataframe_records=_records(x))["predictions"]
        np.testing.assert_array_equal(predictions, mlflow_answer(path, x))
        assert 0 < predictions.mean() < 1
        with pytest.raises(
            InvalidInput, match=r"column 'religious', row 1: expected one of 'fairly', 'mildly'.*'martian'"
        ):
            answer(served, dataframe_records=[*_records(x.head(1)), {**_records(x.head(1))[0], "religious": "martian"}])


class TestBoosters:
    @pytest.mark.parametrize(("library", "flavor"), [("xgboost", mlflow.xgboost), ("lightgbm", mlflow.lightgbm)])
    def test_a_booster_in_mlflows_folder_answers_as_mlflow_does(
        self, library: str, flavor: Any, save_model: Save, opened: Open, answer: Answer, mlflow_answer: Answer
    ) -> None:
        x, y = load_breast_cancer(return_X_y=True, as_frame=True)
        path = save_model(flavor, _booster(library, x, y))
        served = opened(path)
        assert served.model.signature.kind is InputKind.FRAME
        np.testing.assert_array_equal(answer(served, inputs=x.to_numpy())["predictions"], mlflow_answer(path, x))

    @pytest.mark.parametrize(("library", "file"), [("xgboost", "b.ubj"), ("xgboost", "b.json"), ("lightgbm", "b.txt")])
    def test_a_native_file_answers_as_the_booster_does(
        self, library: str, file: str, tmp_path: Path, opened: Open, answer: Answer
    ) -> None:
        x, y = load_breast_cancer(return_X_y=True)
        booster = _booster(library, x, y)
        booster.save_model(str(tmp_path / file))
        served = opened(tmp_path / file)
        assert served.model.signature.inputs[0].shape == (-1, 30)
        expected = booster.predict(xgboost.DMatrix(x) if library == "xgboost" else x)
        np.testing.assert_array_equal(answer(served, inputs=x)["predictions"], expected)

    def test_a_file_that_a_classifier_of_xgboost_wrote_gives_labels(
        self, tmp_path: Path, opened: Open, answer: Answer
    ) -> None:
        x, y = load_digits(return_X_y=True)
        model = xgboost.XGBClassifier(n_estimators=3).fit(x, y)
        model.save_model(tmp_path / "digits.ubj")
        served = opened(tmp_path / "digits.ubj")
        assert [spec.name for spec in served.model.signature.outputs] == ["predictions", "probabilities"]
        np.testing.assert_array_equal(answer(served, inputs=x)["predictions"], model.predict(x))

    def test_a_booster_of_several_classes_tells_its_shape(self, tmp_path: Path, opened: Open) -> None:
        x, y = load_digits(return_X_y=True)
        booster = lightgbm.train(
            {"objective": "multiclass", "num_class": 10, "verbose": -1}, lightgbm.Dataset(x, y), num_boost_round=2
        )
        booster.save_model(tmp_path / "digits.txt")
        assert opened(tmp_path / "digits.txt").model.signature.outputs[0].shape == (-1, 10)

    @pytest.mark.parametrize(("file", "library"), [("x.json", "XGBoost"), ("x.ubj", "XGBoost"), ("x.txt", "LightGBM")])
    def test_a_file_that_is_no_model_is_refused(self, file: str, library: str, tmp_path: Path, opened: Open) -> None:
        (tmp_path / file).write_text('{"hello": 1}')
        with pytest.raises(InvalidModel, match=f"is not an? {library} model"):
            opened(tmp_path / file)

    def test_a_class_that_is_not_of_xgboost_is_not_imported(self, save_model: Save, opened: Open) -> None:
        x, y = load_diabetes(return_X_y=True)
        path = save_model(mlflow.xgboost, xgboost.XGBRegressor(n_estimators=1).fit(x, y))
        mlmodel = path / "MLmodel"
        mlmodel.write_text(mlmodel.read_text().replace("xgboost.sklearn.XGBRegressor", "subprocess.Popen"))
        with pytest.raises(InvalidModel, match=r"'subprocess\.Popen' is not a class of XGBoost"):
            opened(path)
