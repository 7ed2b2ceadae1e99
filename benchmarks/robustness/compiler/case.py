"""One random model in memory, as a file of its own would be loaded, and the rows that it was trained on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from modelyard_serving.runtimes.base import Model, Tensors
from modelyard_serving.runtimes.estimator import EstimatorModel
from modelyard_serving.runtimes.sklearn import estimator_model
from modelyard_serving.signature import InputKind, Signature, TensorSpec


@dataclass(frozen=True, slots=True)
class Case:
    """A model to be compiled."""

    family: str
    kind: str
    """What it is made of, in words that a reader of a finding knows."""
    model: Model
    rows: Tensors
    """What it was trained on; some of them are the example."""


def served(estimator: Any, inputs: Sequence[TensorSpec], kind: InputKind, labels: Sequence[str] = ()) -> Model:
    """A fitted scikit-learn estimator with declared inputs, as the server would load it."""
    known = estimator_model(estimator, platform="sklearn_pickle")
    signature = Signature(inputs=tuple(inputs), outputs=known.signature.outputs, kind=kind)
    has_probabilities = signature.outputs[-1].optional
    return EstimatorModel(
        platform=known.platform,
        estimator=known.estimator,
        signature=signature,
        labels=list(labels),
        predict=known.estimator.predict,
        predict_proba=known.estimator.predict_proba if has_probabilities else None,
    )
