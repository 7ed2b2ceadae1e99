"""XGBoost: MLflow's xgboost flavor (`Booster` or a scikit-learn wrapper), and `.ubj`, `.json`, `.xgb` files."""

import importlib
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from modelyard_serving.errors import InvalidModel, MissingExtra
from modelyard_serving.mlflow_signature import MlflowSignature
from modelyard_serving.mlmodel import MlflowModel
from modelyard_serving.protocol.datatypes import Datatype
from modelyard_serving.runtimes.base import Model
from modelyard_serving.runtimes.estimator import (
    EstimatorModel,
    column_labels,
    declares_outputs,
    known_inputs,
    known_signature,
    output_like,
    with_declared,
)
from modelyard_serving.runtimes.pandas_frame import Categories
from modelyard_serving.signature import DEFAULT_OUTPUT, Signature, TensorSpec

_BOOSTER = "xgboost.core.Booster"
_WRAPPERS = {"classifier": "XGBClassifier", "regressor": "XGBRegressor", "ranker": "XGBRanker"}
"""What a wrapper writes of itself into its file, and the class that reads it back."""


class XgboostRuntime:
    """Reads XGBoost's own formats; nothing is pickled in them."""

    name = "xgboost"
    extra = "xgboost"

    def load(self, path: Path) -> Model:
        try:
            xgboost = importlib.import_module("xgboost")
        except ImportError as error:
            raise MissingExtra(extra=self.extra, needed_for="an XGBoost model") from error
        if not path.is_dir():
            return _model(_load_file(xgboost, path), xgboost)
        folder = MlflowModel.read(path)
        flavor = folder.flavor("xgboost")
        file = folder.file(flavor.get("data"))
        return _model(_load(xgboost, file, flavor.get("model_class") or _BOOSTER), xgboost, folder.signature)


def _load_file(xgboost: Any, path: Path) -> Any:
    booster = _load(xgboost, path, _BOOSTER)
    attributes = orjson.loads(booster.attributes().get("scikit_learn", "{}"))
    wrapper = _WRAPPERS.get(attributes.get("_estimator_type", ""))
    return _load(xgboost, path, f"xgboost.sklearn.{wrapper}") if wrapper else booster


def _load(xgboost: Any, path: Path, class_name: str) -> Any:
    module, _, name = class_name.rpartition(".")
    model_class = getattr(xgboost, name, None)
    if not module.startswith("xgboost.") or model_class is None:
        raise InvalidModel(f"{path}: {class_name!r} is not a class of XGBoost")
    model = model_class()
    try:
        model.load_model(str(path))
    except (xgboost.core.XGBoostError, ValueError, TypeError) as error:
        raise InvalidModel(f"{path} is not an XGBoost model: {str(error).strip().splitlines()[-1]}") from error
    return model


def estimator_model(model: Any, *, platform: str, declared: MlflowSignature | None = None) -> EstimatorModel:
    """A booster or a scikit-learn wrapper, however it was read."""
    return _model(model, importlib.import_module("xgboost"), declared, platform=platform)


def named_categories(estimator: Any, names: Sequence[str]) -> Categories:
    """The categories that a wrapper was taught, by the names of its columns."""
    del names  # XGBoost keeps its own.
    return _categories(estimator.get_booster())


def _model(
    model: Any, xgboost: Any, declared: MlflowSignature | None = None, *, platform: str = "xgboost_ubj"
) -> EstimatorModel:
    booster = model if isinstance(model, xgboost.Booster) else model.get_booster()
    booster.set_param({"nthread": 1})
    if model is booster:
        predict, predict_proba = _booster_predict(booster, xgboost), None
    else:
        model.set_params(n_jobs=1)
        predict = partial(model.predict, validate_features=True)
        predict_proba = partial(model.predict_proba, validate_features=True) if hasattr(model, "classes_") else None
    categories = _categories(booster)
    known = _known(model, booster, xgboost, categories)
    signature = with_declared(known, declared)
    return EstimatorModel(
        platform=platform,
        estimator=model,
        signature=signature,
        labels=column_labels(signature, declared),
        casts_outputs=declares_outputs(declared),
        predict=predict,
        predict_proba=predict_proba,
        categories=categories,
    )


def _booster_predict(booster: Any, xgboost: Any) -> Any:
    def predict(data: Any) -> Any:
        names = booster.feature_names if isinstance(data, np.ndarray) else None
        return booster.predict(xgboost.DMatrix(data, feature_names=names, nthread=1, enable_categorical=True))

    return predict


def _known(model: Any, booster: Any, xgboost: Any, categories: Mapping[str, Any]) -> Signature:
    width = int(booster.num_features())
    specs, kind = known_inputs(booster.feature_names, width=width, datatype=Datatype.FP32)
    specs = tuple(
        TensorSpec(spec.name, Datatype.BYTES, spec.shape, logical_type="category") if spec.name in categories else spec
        for spec in specs
    )
    if hasattr(model, "classes_"):
        label = TensorSpec(DEFAULT_OUTPUT, Datatype.of(np.asarray(model.classes_).dtype), (-1,))
        return known_signature((specs, kind), label, classes=len(model.classes_))
    names, types = booster.feature_names, booster.feature_types
    row = xgboost.DMatrix(np.zeros((1, width), np.float32), feature_names=names, feature_types=types)
    return known_signature((specs, kind), output_like(booster.predict(row)))


def _categories(booster: Any) -> Categories:
    """The categories that the model itself keeps, since XGBoost 3.1; older ones know only their codes."""
    if "c" not in (booster.feature_types or ()) or not hasattr(booster, "get_categories"):
        return {}
    attributes = booster.get_categories(export_to_arrow=True).to_arrow()
    return {name: values.to_pylist() for name, values in attributes if values is not None}
