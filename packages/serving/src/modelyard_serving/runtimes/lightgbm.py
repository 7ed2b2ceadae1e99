"""LightGBM: MLflow's lightgbm flavor (a `Booster` file or a pickled scikit-learn wrapper), and `.txt`, `.lgb` files."""

import importlib
from collections.abc import Mapping, Sequence
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
    column_labels,
    declares_outputs,
    known_inputs,
    known_signature,
    output_like,
    with_declared,
)
from modelyard_serving.runtimes.pickled import load_pickled
from modelyard_serving.signature import DEFAULT_OUTPUT, Signature, TensorSpec

_BOOSTER = "lightgbm.basic.Booster"
_PLATFORM = "lightgbm_text"


class LightgbmRuntime:
    """Reads a booster's text, or a wrapper that MLflow pickled."""

    name = "lightgbm"
    extra = "lightgbm"

    def load(self, path: Path) -> Model:
        try:
            lightgbm = importlib.import_module("lightgbm")
        except ImportError as error:
            raise MissingExtra(extra=self.extra, needed_for="a LightGBM model") from error
        if not path.is_dir():
            return _booster_model(_load_booster(lightgbm, path))
        folder = MlflowModel.read(path)
        flavor = folder.flavor("lightgbm")
        file = folder.file(flavor.get("data"))
        if (flavor.get("model_class") or _BOOSTER) == _BOOSTER:
            return _booster_model(_load_booster(lightgbm, file), folder.signature)
        folder.add_code_to_path()
        estimator = load_pickled(
            file,
            serialization=flavor.get("serialization_format") or "cloudpickle",
            trusted_types=flavor.get("skops_trusted_types"),
        )
        return _wrapper_model(estimator, folder.signature)


def _load_booster(lightgbm: Any, path: Path) -> Any:
    try:
        return lightgbm.Booster(model_file=str(path))
    except lightgbm.basic.LightGBMError as error:
        raise InvalidModel(f"{path} is not a LightGBM model: {error}") from error


def _booster_model(
    booster: Any, declared: MlflowSignature | None = None, *, platform: str = _PLATFORM
) -> EstimatorModel:
    width = booster.num_feature()
    output = output_like(booster.predict(np.zeros((1, width)), num_threads=1))
    known = known_signature(_known_columns(booster), output)
    predict = partial(booster.predict, num_threads=1)
    return _model(booster, estimator=booster, platform=platform, known=known, declared=declared, predict=predict)


def estimator_model(estimator: Any, *, platform: str, declared: MlflowSignature | None = None) -> EstimatorModel:
    """A booster or a scikit-learn wrapper, however it was read."""
    if hasattr(estimator, "booster_"):
        return _wrapper_model(estimator, declared, platform=platform)
    return _booster_model(estimator, declared, platform=platform)


def _wrapper_model(estimator: Any, declared: MlflowSignature | None, *, platform: str = _PLATFORM) -> EstimatorModel:
    estimator.set_params(n_jobs=1)
    classes = getattr(estimator, "classes_", None)
    inputs = _known_columns(estimator.booster_)
    predict_proba = None
    if classes is None:
        known = known_signature(inputs, TensorSpec(DEFAULT_OUTPUT, Datatype.FP64, (-1,)))
    else:
        label = TensorSpec(DEFAULT_OUTPUT, Datatype.of(np.asarray(classes).dtype), (-1,))
        known, predict_proba = known_signature(inputs, label, classes=len(classes)), estimator.predict_proba
    return _model(
        estimator.booster_,
        estimator=estimator,
        platform=platform,
        known=known,
        declared=declared,
        predict=estimator.predict,
        predict_proba=predict_proba,
    )


def _model(
    booster: Any,
    *,
    estimator: Any,
    platform: str,
    known: Signature,
    declared: MlflowSignature | None,
    predict: Any,
    predict_proba: Any = None,
) -> EstimatorModel:
    signature = with_declared(known, declared)
    return EstimatorModel(
        platform=platform,
        estimator=estimator,
        signature=signature,
        labels=column_labels(signature, declared),
        casts_outputs=declares_outputs(declared),
        predict=predict,
        predict_proba=predict_proba,
        # By place and not by name: LightGBM writes `mean radius` as `mean_radius`.
        categories={signature.inputs[index].name: values for index, values in _categories(booster).items()},
    )


def _known_columns(booster: Any) -> Any:
    """LightGBM calls the columns of an array `Column_0`, `Column_1`, …: such names are none."""
    names = booster.feature_name()
    has_names = names != [f"Column_{index}" for index in range(len(names))]
    specs, kind = known_inputs(names if has_names else None, width=len(names))
    categories = _categories(booster)
    return tuple(
        TensorSpec(spec.name, Datatype.BYTES, spec.shape, logical_type="category") if index in categories else spec
        for index, spec in enumerate(specs)
    ), kind


def named_categories(estimator: Any, names: Sequence[str]) -> dict[str, Sequence[Any]]:
    """The categories that a wrapper was taught, by the names of its columns."""
    return {names[index]: values for index, values in _categories(estimator.booster_).items()}


def _categories(booster: Any) -> Mapping[int, Sequence[Any]]:
    """The categories of the columns that were pandas categories in training.

    The model keeps them in the order of those columns, without their names; the columns are those whose values it
    lists one by one (`0:1:2`) and not as a range (`[0:79]`).
    """
    categories = booster.pandas_categorical
    if not categories:
        return {}
    (line,) = (
        line for line in booster.model_to_string(num_iteration=1).splitlines() if line.startswith("feature_infos=")
    )
    infos = line.removeprefix("feature_infos=").split(" ")
    indices = [index for index, info in enumerate(infos) if not info.startswith("[") and info != "none"]
    if len(indices) != len(categories):
        raise InvalidModel(
            f"the model keeps {len(categories)} lists of categories for {len(indices)} categorical columns"
        )
    return dict(zip(indices, categories, strict=True))
