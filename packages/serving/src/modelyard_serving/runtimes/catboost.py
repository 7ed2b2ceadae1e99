"""CatBoost: MLflow's catboost flavor, and `.cbm` files. Nothing is pickled in them."""

import importlib
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from modelyard_serving.errors import InvalidModel, MissingExtra
from modelyard_serving.mlflow_signature import MlflowSignature
from modelyard_serving.mlmodel import MlflowModel
from modelyard_serving.protocol.datatypes import Datatype
from modelyard_serving.runtimes.base import Model
from modelyard_serving.runtimes.estimator import (
    EstimatorModel,
    KnownInputs,
    column_labels,
    declares_outputs,
    known_inputs,
    known_signature,
    with_declared,
)
from modelyard_serving.signature import DEFAULT_OUTPUT, TensorSpec

_CLASSES = frozenset({"CatBoost", "CatBoostClassifier", "CatBoostRegressor", "CatBoostRanker"})
_LOSSES_OF_CLASSIFIERS = ("Logloss", "CrossEntropy", "MultiClass", "MultiClassOneVsAll")


class CatboostRuntime:
    """Reads CatBoost's own formats."""

    name = "catboost"
    extra = "catboost"

    def load(self, path: Path) -> Model:
        try:
            catboost = importlib.import_module("catboost")
        except ImportError as error:
            raise MissingExtra(extra=self.extra, needed_for="a CatBoost model") from error
        if not path.is_dir():
            return estimator_model(_load_file(catboost, path))
        folder = MlflowModel.read(path)
        flavor = folder.flavor("catboost")
        class_name = flavor.get("model_type")
        if class_name not in _CLASSES:
            raise InvalidModel(f"{path}: {class_name!r} is not a class of CatBoost")
        file = folder.file(flavor.get("model_binary") or "model.cb")
        model = _load(catboost, file, class_name=class_name, save_format=flavor.get("save_format") or "cbm")
        return estimator_model(model, declared=folder.signature)


def _load_file(catboost: Any, path: Path) -> Any:
    """A file does not say which class wrote it; what it was trained for does."""
    model = _load(catboost, path, class_name="CatBoost", save_format="cbm")
    loss = str(model.get_all_params().get("loss_function", ""))
    if loss.partition(":")[0] not in _LOSSES_OF_CLASSIFIERS:
        return model
    return _load(catboost, path, class_name="CatBoostClassifier", save_format="cbm")


def _load(catboost: Any, path: Path, *, class_name: str, save_format: str) -> Any:
    model = getattr(catboost, class_name)()
    try:
        model.load_model(str(path), save_format)
    except catboost.CatBoostError as error:
        raise InvalidModel(f"{path} is not a CatBoost model: {str(error).strip().splitlines()[-1]}") from error
    return model


def estimator_model(
    model: Any, *, platform: str = "catboost_cbm", declared: MlflowSignature | None = None
) -> EstimatorModel:
    """A model of any of CatBoost's classes, however it was read."""
    inputs = _known_columns(model)
    predict_proba = None
    if hasattr(model, "predict_proba"):
        classes = np.asarray(model.classes_)
        # CatBoost gives the labels of more than two classes as a column.
        shape = (-1,) if len(classes) == 2 else (-1, 1)
        label = TensorSpec(DEFAULT_OUTPUT, Datatype.of(classes.dtype), shape)
        known, predict_proba = known_signature(inputs, label, classes=len(classes)), model.predict_proba
    else:
        known = known_signature(inputs, TensorSpec(DEFAULT_OUTPUT, Datatype.FP64, (-1,)))
    signature = with_declared(known, declared)
    return EstimatorModel(
        platform=platform,
        estimator=model,
        signature=signature,
        labels=column_labels(signature, declared),
        casts_outputs=declares_outputs(declared),
        predict=partial(model.predict, thread_count=1),
        predict_proba=partial(predict_proba, thread_count=1) if predict_proba else None,
    )


def _known_columns(model: Any) -> KnownInputs:
    """CatBoost calls the columns of an array `0`, `1`, …: such names are none."""
    names = list(model.feature_names_)
    texts = {*model.get_cat_feature_indices(), *model.get_text_feature_indices()}
    has_names = names != [str(index) for index in range(len(names))]
    specs, kind = known_inputs(names if has_names else None, width=len(names))
    if not has_names:
        return specs, kind
    return tuple(
        TensorSpec(spec.name, Datatype.BYTES, spec.shape, logical_type="category") if index in texts else spec
        for index, spec in enumerate(specs)
    ), kind
