"""scikit-learn estimators: MLflow's sklearn flavor, and bare `.skops`, `.joblib` and pickle files.

An estimator answers exactly as MLflow's own loader would let it answer. Its `n_jobs` are set to 1: a server scales by
its workers, and a pool of threads costs a single row more than the prediction itself.
"""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from modelyard_serving.errors import InvalidInput, InvalidModel, MissingExtra
from modelyard_serving.mlflow_signature import MlflowSignature
from modelyard_serving.mlmodel import MlflowModel
from modelyard_serving.protocol.datatypes import Datatype
from modelyard_serving.runtimes.base import Model, Tensors
from modelyard_serving.runtimes.pandas_frame import FrameBuilder
from modelyard_serving.runtimes.pickled import load_pickled
from modelyard_serving.runtimes.results import as_tensor, named_outputs
from modelyard_serving.signature import DEFAULT_INPUT, DEFAULT_OUTPUT, PROBABILITIES, InputKind, Signature, TensorSpec

_FORMATS = {".skops": "skops", ".joblib": "joblib", ".pkl": "joblib", ".pickle": "joblib"}
_CALLERS_FAULT = (
    "contains NaN",
    "contains infinity",
    "unknown categories",
    "unseen labels",
    "could not convert string",
)
"""Parts of the messages with which scikit-learn refuses values, not code. They quote only the caller's own values."""


class SklearnModel:
    """One fitted estimator or pipeline."""

    is_thread_safe = True

    def __init__(
        self, estimator: Any, *, platform: str, declared: MlflowSignature | None, predict_function: str = "predict"
    ) -> None:
        """`predict_function`: the method of the estimator that gives the first output."""
        self.platform = platform
        self._estimator = estimator
        self._predict = getattr(estimator, predict_function)
        self.signature = _signature(estimator, declared=declared, predict_function=predict_function)
        self._has_probabilities = self.signature.outputs[-1].name == PROBABILITIES
        self._builder: FrameBuilder | None = None
        if self.signature.kind is InputKind.FRAME:
            labels = declared.column_labels if declared else tuple(spec.name for spec in self.signature.inputs)
            self._builder = FrameBuilder(self.signature.inputs, labels=labels)
        elif len(self.signature.inputs) != 1:
            names = [spec.name for spec in self.signature.inputs]
            raise InvalidModel(f"an estimator takes one array or one frame, the signature declares the tensors {names}")

    def predict(
        self,
        inputs: Tensors,
        *,
        outputs: Sequence[str] | None = None,
        parameters: Mapping[str, Any] | None = None,  # noqa: ARG002  # MLflow's loader passes an estimator none either.
    ) -> Tensors:
        data = self._builder.build(inputs) if self._builder else inputs[self.signature.inputs[0].name]
        declared = self.signature.outputs[:-1] if self._has_probabilities else self.signature.outputs
        wants_default = outputs is None or any(spec.name in outputs for spec in declared)
        results: dict[str, Any] = {}
        try:
            if wants_default:
                results |= named_outputs(self._predict(data), declared)
            if self._has_probabilities and outputs is not None and PROBABILITIES in outputs:
                results[PROBABILITIES] = as_tensor(self._estimator.predict_proba(data))
        except ValueError as error:
            if any(part in str(error) for part in _CALLERS_FAULT):
                raise InvalidInput(f"the model refuses these values: {str(error).splitlines()[0]}") from error
            raise
        return results

    def close(self) -> None:
        """Nothing is held but memory."""


class SklearnRuntime:
    """Reads a folder of MLflow's sklearn flavor, or one file."""

    name = "sklearn"
    extra = "sklearn"

    def load(self, path: Path) -> Model:
        try:
            import sklearn  # noqa: F401, PLC0415  # Its absence is told before a pickle fails half way.
        except ImportError as error:
            raise MissingExtra(extra=self.extra, needed_for="a scikit-learn model") from error
        # A model that was fitted on an array and is asked with a frame (or the other way round) says so at every call.
        warnings.filterwarnings("ignore", message="X (has|does not have valid) feature names", category=UserWarning)
        return _load_folder(path) if path.is_dir() else _load_file(path)


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
    return SklearnModel(
        single_threaded(estimator),
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
    return SklearnModel(single_threaded(estimator), platform=f"sklearn_{serialization}", declared=None)


def single_threaded(estimator: Any) -> Any:
    """The same estimator with every `n_jobs` of it and its parts at 1."""
    if not hasattr(estimator, "get_params"):
        return estimator
    jobs = {name: 1 for name, value in estimator.get_params().items() if name.split("__")[-1] == "n_jobs" and value}
    return estimator.set_params(**jobs) if jobs else estimator


def _signature(estimator: Any, *, declared: MlflowSignature | None, predict_function: str) -> Signature:
    outputs: tuple[TensorSpec, ...] = ()
    inputs, kind, is_declared, params = *_known_inputs(estimator), False, {}
    if declared:
        outputs, params = declared.signature.outputs, declared.signature.params
    if declared and declared.signature.is_declared:
        inputs, kind, is_declared = declared.signature.inputs, declared.signature.kind, True
    if not outputs:
        outputs = (_known_output(estimator, predict_function),)
    if predict_function != "predict_proba" and PROBABILITIES not in (spec.name for spec in outputs):
        outputs += _probabilities(estimator)
    return Signature(inputs=inputs, outputs=outputs, kind=kind, is_declared=is_declared, params=params)


def _known_inputs(estimator: Any) -> tuple[tuple[TensorSpec, ...], InputKind]:
    """What a fitted estimator remembers: the names of its columns, or how many there were, or nothing."""
    names = getattr(estimator, "feature_names_in_", None)
    if names is not None:
        return tuple(TensorSpec(str(name), Datatype.FP64, (-1,)) for name in names), InputKind.FRAME
    width = getattr(estimator, "n_features_in_", -1)
    return (TensorSpec(DEFAULT_INPUT, Datatype.FP64, (-1, int(width))),), InputKind.TENSORS


def _known_output(estimator: Any, predict_function: str) -> TensorSpec:
    classes = getattr(estimator, "classes_", None)
    if isinstance(classes, np.ndarray) and predict_function == "predict":
        return TensorSpec(DEFAULT_OUTPUT, Datatype.of(classes.dtype), (-1,))
    if isinstance(classes, np.ndarray):
        return TensorSpec(DEFAULT_OUTPUT, Datatype.FP64, (-1, len(classes)))
    return TensorSpec(DEFAULT_OUTPUT, Datatype.FP64, (-1,))


def _probabilities(estimator: Any) -> tuple[TensorSpec, ...]:
    classes = getattr(estimator, "classes_", None)
    if not isinstance(classes, np.ndarray) or classes.ndim != 1 or not hasattr(estimator, "predict_proba"):
        return ()
    return (TensorSpec(PROBABILITIES, Datatype.FP64, (-1, len(classes)), optional=True),)
