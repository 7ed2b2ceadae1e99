"""scikit-learn to ONNX by skl2onnx, in float64 where its operators can, with converters of ours where they cannot.

ONNX has no missing strings, so a copy of the model is fitted with a text that represents them.
"""

import copy
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import (
    BooleanTensorType,
    DoubleTensorType,
    FloatTensorType,
    Int64TensorType,
    StringTensorType,
)
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

from modelyard_serving.compile import (
    sklearn_encoders,
    sklearn_imputer,
    sklearn_linear,
    sklearn_preprocessing,
    sklearn_text,
    sklearn_trees,
)
from modelyard_serving.compile.errors import Untranslatable
from modelyard_serving.compile.graph import OPSETS, Candidate, GraphInput, finished, graph_inputs
from modelyard_serving.compile.sklearn_encoders import stands_for_missing
from modelyard_serving.compile.sklearn_guards import guarded
from modelyard_serving.compile.sklearn_preprocessing import converter_of_functions
from modelyard_serving.compile.sklearn_targets import add_inverses, without_targets
from modelyard_serving.compile.sklearn_text import VECTORIZERS, TextVectorizers
from modelyard_serving.runtimes.compiled import MISSING_TEXT
from modelyard_serving.runtimes.estimator import EstimatorModel
from modelyard_serving.signature import PROBABILITIES, Signature, TensorSpec

_OURS = (sklearn_imputer, sklearn_linear, sklearn_preprocessing, sklearn_encoders, sklearn_trees, sklearn_text)
_CONVERTERS = {kind: convert for module in _OURS for kind, convert in module.CONVERTERS.items()}
_SHAPES = {kind: shape for module in _OURS for kind, shape in module.SHAPES.items()}


def _wide(_: np.dtype[Any]) -> Any:
    return DoubleTensorType


def _exact(dtype: np.dtype[Any]) -> Any:
    return {"f": DoubleTensorType, "b": BooleanTensorType}.get(dtype.kind, Int64TensorType)


def _native(dtype: np.dtype[Any]) -> Any:
    return FloatTensorType if dtype == np.float32 else _exact(dtype)


def _narrow(_: np.dtype[Any]) -> Any:
    return FloatTensorType


_VARIANTS = {
    "float64": _wide,
    "float64 and whole numbers": _exact,
    "the inputs' own datatypes": _native,
    "float32": _narrow,
}


def candidates(model: EstimatorModel) -> Iterator[Candidate | Untranslatable]:
    """Translations from the most exact on, or why there is none of a kind."""
    estimator = _with_text_for_missing(model.estimator)
    estimator, targets = without_targets(estimator)
    if any(isinstance(part, StackingClassifier) for part in _parts(estimator)):
        raise Untranslatable(
            "a StackingClassifier has no translation: its members' last digits decide its final model's numbers"
        )
    inputs = graph_inputs(model.signature, by_column=_picks_columns(estimator))
    tried: list[Any] = []
    for name, type_of in _VARIANTS.items():
        types = [
            StringTensorType if graph_input.dtype.kind == "O" else type_of(graph_input.dtype) for graph_input in inputs
        ]
        if types in tried:
            continue
        tried.append(types)
        try:
            yield _translated(name, estimator, model, list(zip(inputs, types, strict=True)), targets=targets)
        except Exception as error:  # noqa: BLE001  # A converter fails in its own words on what it does not know.
            yield Untranslatable(f"{name}: {type(error).__name__}: {str(error).splitlines()[0][:200]}")


def _translated(
    name: str,
    estimator: Any,
    model: EstimatorModel,
    inputs: Sequence[tuple[GraphInput, Any]],
    *,
    targets: Sequence[Any],
) -> Candidate:
    words = TextVectorizers()
    converters = {
        **_CONVERTERS,
        **dict.fromkeys(VECTORIZERS, words.convert),
        FunctionTransformer: converter_of_functions(_whole_dtype(model.signature)),
    }
    body = convert_sklearn(
        estimator,
        initial_types=[(graph_input.name, kind(list(graph_input.shape))) for graph_input, kind in inputs],
        options={id(estimator): {"zipmap": False}} if hasattr(estimator, "predict_proba") else None,
        target_opset=OPSETS,
        custom_shape_calculators=_SHAPES,
        custom_conversion_functions=guarded(converters),
    )
    add_inverses(body, targets)
    outputs = _outputs([output.name for output in body.graph.output], model.signature, model.predict_function)
    requested = words.prepared(body.graph)
    pairs = zip(inputs, body.graph.input, strict=True)
    prepared = {graph_input.name: requested[value.name] for (graph_input, _), value in pairs if value.name in requested}
    return Candidate(name, finished(body, inputs=[graph_input for graph_input, _ in inputs], outputs=outputs), prepared)


def _whole_dtype(signature: Signature) -> np.dtype[Any] | None:
    """That of the model's whole numbers, where it is one."""
    dtypes = {spec.datatype.numpy_dtype for spec in signature.inputs if spec.datatype.numpy_dtype.kind in "iu"}
    is_certain = not any(spec.optional for spec in signature.inputs if spec.datatype.numpy_dtype.kind in "iu")
    return dtypes.pop() if len(dtypes) == 1 and is_certain else None


def _outputs(names: Sequence[str], signature: Signature, predict_function: str) -> dict[str, TensorSpec]:
    default = signature.outputs[0]
    if predict_function == "predict_proba" and len(names) == 2:
        return {names[1]: default}
    if predict_function != "predict" or len(signature.default_outputs) != 1:
        raise Untranslatable(f"the answer of {predict_function} is no output of a translated graph")
    outputs = {names[0]: default}
    for spec in signature.outputs[1:]:
        if spec.name != PROBABILITIES or len(names) != 2:
            raise Untranslatable(f"the output {spec.name!r} is no output of a translated graph")
        outputs[names[1]] = spec
    return outputs


def _picks_columns(estimator: Any) -> bool:
    """Whether the model itself takes its columns by name, so that the graph must get them one by one."""
    return any(isinstance(part, ColumnTransformer) for part in _parts(estimator))


def _with_text_for_missing(estimator: Any) -> Any:
    """A copy that takes `MISSING_TEXT` where the model took NaN or None in a column of texts.

    Imputers and ordinal encoders have converters of ours, which know it; others take it as one more category.
    """
    estimator = copy.deepcopy(estimator)
    for part in _parts(estimator):
        if isinstance(part, OneHotEncoder):
            part.categories_ = [_texts(values) for values in part.categories_]
        if isinstance(part, VotingClassifier):
            part.flatten_transform = False  # It concerns `transform` only, but no other value can be translated.
    return estimator


def _texts(categories: Any) -> Any:
    if categories.dtype.kind != "O":
        return categories
    return np.array([MISSING_TEXT if stands_for_missing(value) else value for value in categories], dtype=object)


def _parts(estimator: Any) -> list[Any]:
    """The estimator and everything fitted inside of it."""
    found, waiting = [], [estimator]
    while waiting:
        part = waiting.pop()
        found.append(part)
        steps = [
            *getattr(part, "steps", ()),
            *getattr(part, "transformers_", ()),
            *getattr(part, "transformer_list", ()),
        ]
        waiting += [step[1] for step in steps if hasattr(step[1], "get_params")]
        waiting += [inner for name in _INNER if hasattr(inner := getattr(part, name, None), "get_params")]
        waiting += [inner for inner in getattr(part, "estimators_", ()) if hasattr(inner, "get_params")]
    return found


_INNER = ("estimator_", "best_estimator_", "regressor_", "transformer_", "final_estimator_")
