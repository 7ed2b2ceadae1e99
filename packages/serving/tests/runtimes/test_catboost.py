import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from planes import bench
from sklearn.datasets import load_breast_cancer, load_diabetes

from modelyard_serving.bundle import OpenedModel
from modelyard_serving.errors import InvalidModel
from modelyard_serving.protocol.datatypes import Datatype

catboost = pytest.importorskip("catboost", reason="needs the extra catboost")

Save = Callable[..., Path]
Open = Callable[..., OpenedModel]
Answer = Callable[..., Any]
QUIET = {"verbose": 0, "allow_writing_files": False, "iterations": 10}


class TestMlflowFolders:
    def test_a_classifier_answers_as_mlflow_does(
        self, save_model: Save, opened: Open, answer: Answer, mlflow_answer: Answer
    ) -> None:
        x, y = load_breast_cancer(return_X_y=True)
        model = catboost.CatBoostClassifier(**QUIET).fit(x, y)
        path = save_model(mlflow.catboost, model, signature=mlflow.models.infer_signature(x, model.predict(x)))
        served = opened(path)
        np.testing.assert_array_equal(answer(served, inputs=x)["predictions"], mlflow_answer(path, x))
        probabilities = answer(served, inputs=x, outputs=["probabilities"])["probabilities"]
        np.testing.assert_array_equal(probabilities, model.predict_proba(x))

    def test_a_regressor_on_a_frame_with_texts_answers_as_mlflow_does(
        self, save_model: Save, fair: pd.DataFrame, opened: Open, answer: Answer, mlflow_answer: Answer
    ) -> None:
        x = fair[["age", "religious", "children"]]
        model = catboost.CatBoostRegressor(**QUIET, cat_features=["religious"]).fit(x, fair["target"])
        path = save_model(mlflow.catboost, model)
        served = opened(path)
        assert [spec.datatype for spec in served.model.signature.inputs] == [
            Datatype.FP64,
            Datatype.BYTES,
            Datatype.FP64,
        ]
        records = x.astype(object).where(x.notna(), None).to_dict(orient="records")
        predictions = answer(served, dataframe_records=records)["predictions"]
        np.testing.assert_array_equal(predictions, mlflow_answer(path, x))


class TestFiles:
    def test_a_file_of_a_classifier_gives_labels(self, tmp_path: Path, opened: Open, answer: Answer) -> None:
        x, y = load_breast_cancer(return_X_y=True)
        model = catboost.CatBoostClassifier(**QUIET).fit(x, np.where(y, "benign", "malignant"))
        model.save_model(str(tmp_path / "cancer.cbm"))
        served = opened(tmp_path / "cancer.cbm")
        assert served.model.signature.outputs[0].datatype is Datatype.BYTES
        assert answer(served, inputs=x)["predictions"].tolist() == model.predict(x).tolist()

    def test_a_file_of_a_regressor_gives_numbers(self, tmp_path: Path, opened: Open, answer: Answer) -> None:
        x, y = load_diabetes(return_X_y=True)
        model = catboost.CatBoostRegressor(**QUIET).fit(x, y)
        model.save_model(str(tmp_path / "diabetes.cbm"))
        np.testing.assert_array_equal(
            answer(opened(tmp_path / "diabetes.cbm"), inputs=x)["predictions"], model.predict(x)
        )

    def test_a_file_that_is_no_model_is_refused(self, tmp_path: Path, opened: Open) -> None:
        (tmp_path / "bad.cbm").write_bytes(b"nothing")
        with pytest.raises(InvalidModel, match="is not a CatBoost model"):
            opened(tmp_path / "bad.cbm")


class TestMissingTexts:
    def test_one_in_a_text_feature_is_the_callers_fault(self, tmp_path: Path, opened: Open) -> None:
        texts = ["red wine", "white bread"] * 30
        frame = pd.DataFrame({"note": texts, "age": np.arange(60.0)})
        model = catboost.CatBoostClassifier(**QUIET, text_features=["note"]).fit(frame, [0, 1] * 30)
        model.save_model(str(tmp_path / "notes.cbm"))

        async def ask() -> tuple[int, bytes]:
            inputs = {"note": ["red wine", None], "age": [1.0, 2.0]}
            response = await bench(opened(tmp_path / "notes.cbm").model).ask("POST", "/predict", {"inputs": inputs})
            return response.status, response.body

        status, body = asyncio.run(ask())
        assert status == 400
        assert b"input 'note' has a missing value in row 1" in body
