"""One fitted estimator in memory, of any library: its predictions, and probabilities on request.

It builds the array or frame that the estimator was fitted on. Each library's runtime reads the file and the estimator's
own metadata.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from modelyard_serving.errors import InvalidInput, InvalidModel
from modelyard_serving.mlflow_signature import MlflowSignature
from modelyard_serving.protocol.datatypes import Datatype
from modelyard_serving.runtimes.base import Tensors
from modelyard_serving.runtimes.pandas_frame import Categories, FrameBuilder
from modelyard_serving.runtimes.results import as_tensor, named_outputs
from modelyard_serving.signature import DEFAULT_INPUT, DEFAULT_OUTPUT, PROBABILITIES, InputKind, Signature, TensorSpec

_INVALID_INPUT_MESSAGES = (
    "contains NaN",
    "contains infinity",
    "unknown categories",
    "unseen labels",
    "could not convert string",
)
"""Parts of the messages with which scikit-learn refuses values, not code. They quote only the caller's own values."""

Predict = Callable[[Any], Any]


class EstimatorModel:
    """A model of which `predict(data)` takes one array or one frame."""

    is_thread_safe = True

    def __init__(
        self,
        *,
        platform: str,
        estimator: Any,
        signature: Signature,
        labels: Sequence[str | int],
        predict: Predict,
        predict_proba: Predict | None = None,
        categories: Categories | None = None,
        known_texts: Mapping[str, Sequence[Any]] | None = None,
        casts_outputs: bool = False,
        predict_function: str = "predict",
    ) -> None:
        """
        Args:
            estimator: the library's own object; it is what verified compilation translates.
            labels: the labels of a frame's columns, as the estimator saw them.
            predict_proba: computes the output `probabilities`, which the signature then has as its last.
            predict_function: the name of the estimator's method that `predict` is.
            categories: the categories of each column that was a pandas category in training.
            known_texts: texts that the estimator knows, by column, besides its categories.
            casts_outputs: the outputs' datatypes are declared, not guessed.
        """
        self.platform = platform
        self.estimator = estimator
        self.predict_function = predict_function
        self.categories = categories or {}
        self.known_texts = {**(known_texts or {}), **self.categories}
        self._casts_outputs = casts_outputs
        self._predict = predict
        self._predict_proba = predict_proba
        self.signature = signature
        self._builder: FrameBuilder | None = None
        if signature.kind is InputKind.FRAME:
            self._builder = FrameBuilder(signature.inputs, labels=labels, categories=categories)
        elif len(signature.inputs) != 1:
            names = [spec.name for spec in signature.inputs]
            raise InvalidModel(f"an estimator takes one array or one frame, the signature declares the tensors {names}")

    @property
    def signature(self) -> Signature:
        """What it takes and gives; the last output is the probabilities' where it has them."""
        return self._signature

    @signature.setter
    def signature(self, signature: Signature) -> None:
        self._signature = signature
        self._outputs = signature.outputs[:-1] if self._predict_proba else signature.outputs

    def predict(
        self,
        inputs: Tensors,
        *,
        outputs: Sequence[str] | None = None,
        parameters: Mapping[str, Any] | None = None,  # noqa: ARG002  # MLflow's loaders pass an estimator none either.
    ) -> Tensors:
        data = self._builder.build(inputs) if self._builder else inputs[self._signature.inputs[0].name]
        results: dict[str, Any] = {}
        try:
            if outputs is None or any(spec.name in outputs for spec in self._outputs):
                results |= named_outputs(self._predict(data), self._outputs, casts=self._casts_outputs)
            if self._predict_proba and outputs is not None and PROBABILITIES in outputs:
                results[PROBABILITIES] = as_tensor(self._predict_proba(data), self._signature.outputs[-1])
        except ValueError as error:
            if any(part in str(error) for part in _INVALID_INPUT_MESSAGES):
                raise InvalidInput(f"the model refuses these values: {str(error).splitlines()[0]}") from error
            raise
        return results

    def close(self) -> None:
        """Nothing is held but memory."""


def known_signature(inputs: "KnownInputs", output: TensorSpec, *, classes: int | None = None) -> Signature:
    """The signature that an estimator itself stores, for a model without a declared one.

    Args:
        classes: the number of classes with probabilities; None where there are none.
    """
    probabilities = (TensorSpec(PROBABILITIES, Datatype.FP64, (-1, classes), optional=True),) if classes else ()
    specs, kind = inputs
    return Signature(inputs=specs, outputs=(output, *probabilities), kind=kind, is_declared=False)


KnownInputs = tuple[tuple[TensorSpec, ...], InputKind]


def known_inputs(
    names: Sequence[str] | None, *, width: int, datatype: Datatype = Datatype.FP64, texts: Collection[str] = ()
) -> KnownInputs:
    """The names of the columns that an estimator was fitted on, or how many there were (-1 where it does not know).
    `texts` are those of which it knows categories."""
    if names is not None:
        return tuple(
            TensorSpec(str(name), Datatype.BYTES, (-1,), logical_type="category")
            if name in texts
            else TensorSpec(str(name), datatype, (-1,))
            for name in names
        ), InputKind.FRAME
    return (TensorSpec(DEFAULT_INPUT, datatype, (-1, width)),), InputKind.TENSORS


def output_like(prediction: Any) -> TensorSpec:
    """The spec of an output of which one prediction is known."""
    array = np.asarray(prediction)
    return TensorSpec(DEFAULT_OUTPUT, Datatype.of(array.dtype), (-1, *array.shape[1:]))


def with_declared(known: Signature, declared: MlflowSignature | None) -> Signature:
    """The declared signature, completed by the estimator's own."""
    if declared is None:
        return known
    declared_signature = declared.signature
    probabilities = tuple(spec for spec in known.outputs if spec.optional)
    outputs = (*(declared_signature.outputs or known.default_outputs), *probabilities)
    if len({spec.name for spec in outputs}) != len(outputs):
        raise InvalidModel(
            f"the signature declares an output {PROBABILITIES!r}, the name of a classifier's second output"
        )
    if not declared_signature.is_declared:
        return replace(known, outputs=outputs, params=declared_signature.params)
    return replace(declared_signature, outputs=outputs)


def declares_outputs(declared: MlflowSignature | None) -> bool:
    """Whether the datatypes of the outputs are declared."""
    return declared is not None and bool(declared.signature.outputs)


def column_labels(signature: Signature, declared: MlflowSignature | None) -> Sequence[str | int]:
    """The labels of the signature's columns: MLflow's, which may be integers, or simply their names."""
    if declared is not None and declared.signature.is_declared:
        return declared.column_labels
    return [spec.name for spec in signature.inputs]
