"""scikit-learn estimators: MLflow's sklearn flavor, and bare `.skops`, `.joblib` and pickle files.

An estimator predicts exactly as under MLflow's own loader. Its `n_jobs` are set to 1: a server scales by its workers,
and a thread pool costs a single row more than the prediction itself.
"""

import warnings
from collections.abc import Collection
from importlib import import_module
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
    column_labels,
    declares_outputs,
    known_inputs,
    known_signature,
    with_declared,
)
from modelyard_serving.runtimes.pandas_frame import Categories
from modelyard_serving.runtimes.pickled import load_pickled
from modelyard_serving.runtimes.sklearn_columns import first_step, fitted_texts, takes_documents
from modelyard_serving.signature import DEFAULT_INPUT, DEFAULT_OUTPUT, InputKind, Signature, TensorSpec

_LIBRARIES = {
    "catboost": "modelyard_serving.runtimes.catboost",
    "lightgbm": "modelyard_serving.runtimes.lightgbm",
    "xgboost": "modelyard_serving.runtimes.xgboost",
}
"""Libraries whose estimators store more metadata than scikit-learn's conventions ask for; their own runtimes read
it."""
_FORMATS = {".skops": "skops", ".joblib": "joblib", ".pkl": "joblib", ".pickle": "joblib"}


class SklearnRuntime:
    """Reads a folder of MLflow's sklearn flavor, or one file."""

    name = "sklearn"
    extra = "sklearn"

    def load(self, path: Path) -> Model:
        try:
            import sklearn  # noqa: F401, PLC0415  # Without it a pickle would fail half way.
        except ImportError as error:
            raise MissingExtra(extra=self.extra, needed_for="a scikit-learn model") from error
        # A model that was fitted on an array and gets a frame (or the reverse) would warn at every call.
        warnings.filterwarnings("ignore", message="X (has|does not have valid) feature names", category=UserWarning)
        return _load_folder(path) if path.is_dir() else _load_file(path)


def estimator_model(
    estimator: Any, *, platform: str, declared: MlflowSignature | None = None, predict_function: str = "predict"
) -> EstimatorModel:
    """Any estimator that keeps scikit-learn's conventions, single-threaded.

    Args:
        predict_function: the method that gives the first output.
    """
    own = _LIBRARIES.get(type(estimator).__module__.partition(".")[0])
    if own is not None and predict_function == "predict":
        of_library: EstimatorModel = import_module(own).estimator_model(estimator, platform=platform, declared=declared)
        return of_library
    estimator = _single_threaded(estimator)
    categories = _categories(estimator)
    texts = fitted_texts(estimator, getattr(estimator, "feature_names_in_", ()))
    signature = with_declared(_known(estimator, predict_function, {*categories, *texts}), declared)
    has_probabilities = signature.outputs[-1].optional
    return EstimatorModel(
        platform=platform,
        estimator=estimator,
        signature=signature,
        labels=column_labels(signature, declared),
        casts_outputs=declares_outputs(declared),
        predict=getattr(estimator, predict_function),
        predict_proba=estimator.predict_proba if has_probabilities else None,
        categories=categories,
        known_texts=texts,
        predict_function=predict_function,
    )


def _load_folder(folder: Path) -> Model:
    model = MlflowModel.read(folder)
    flavor = model.flavor("sklearn")
    model.add_code_to_path()
    serialization = flavor.get("serialization_format") or "pickle"
    estimator = load_pickled(
        model.file(flavor.get("pickled_model")),
        serialization=serialization,
        trusted_types=flavor.get("skops_trusted_types"),
    )
    return estimator_model(
        estimator,
        platform=f"sklearn_{serialization}",
        declared=model.signature,
        predict_function=model.predict_function,
    )


def _load_file(path: Path) -> Model:
    serialization = _FORMATS.get(path.suffix)
    if serialization is None:
        raise InvalidModel(f"{path} is not a scikit-learn model: expected one of {', '.join(_FORMATS)}")
    estimator = load_pickled(path, serialization=serialization)
    if not hasattr(estimator, "predict"):
        raise InvalidModel(f"{path} holds a {type(estimator).__name__}, which has no method predict")
    return estimator_model(estimator, platform=f"sklearn_{serialization}")


def _single_threaded(estimator: Any) -> Any:
    """The same estimator with every `n_jobs` of it and its parts at 1."""
    if not hasattr(estimator, "get_params"):
        return estimator
    jobs = {name: 1 for name, value in estimator.get_params().items() if name.split("__")[-1] == "n_jobs" and value}
    return estimator.set_params(**jobs) if jobs else estimator


def _categories(estimator: Any) -> Categories:
    """The pandas categories of the booster that gets the frame as it comes: in a pipeline, a search, a vote."""
    inner = first_step(estimator)
    own = _LIBRARIES.get(type(inner).__module__.partition(".")[0])
    names = getattr(estimator, "feature_names_in_", None)
    if own is None or names is None or not hasattr(module := import_module(own), "named_categories"):
        return {}
    categories: Categories = module.named_categories(inner, [str(name) for name in names])
    return categories


def _known(estimator: Any, predict_function: str, texts: Collection[str]) -> Signature:
    width = int(getattr(estimator, "n_features_in_", -1))
    inputs = known_inputs(getattr(estimator, "feature_names_in_", None), width=width, texts=texts)
    if takes_documents(estimator):
        inputs = (TensorSpec(DEFAULT_INPUT, Datatype.BYTES, (-1,)),), InputKind.TENSORS
    classes = getattr(estimator, "classes_", None)
    if not isinstance(classes, np.ndarray) or classes.ndim != 1:
        return known_signature(inputs, TensorSpec(DEFAULT_OUTPUT, Datatype.FP64, (-1,)))
    if predict_function != "predict":
        return known_signature(inputs, TensorSpec(DEFAULT_OUTPUT, Datatype.FP64, (-1, len(classes))))
    label = TensorSpec(DEFAULT_OUTPUT, Datatype.of(classes.dtype), (-1,))
    return known_signature(inputs, label, classes=len(classes) if hasattr(estimator, "predict_proba") else None)
