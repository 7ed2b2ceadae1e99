"""Regressions of a transformed target: the regression itself is translated, and the way back is added to its graph. A
number that is not finite has none, as scikit-learn has it.

It knows the inverse of known functions and of linear scalers, and says of any other that it has no translation.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import onnx
from onnx import TensorProto, helper
from sklearn.compose import TransformedTargetRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

from modelyard_serving.compile.graph_builder import Builder, finite
from modelyard_serving.compile.sklearn_functions import add_function

_Inverse = Callable[[Builder, Any, str], str]


def without_targets(estimator: Any) -> tuple[Any, Sequence[Any]]:
    """The regression inside of transformed targets, and what they were transformed by, in the order of the way back."""
    if isinstance(estimator, TransformedTargetRegressor):
        inner, transformers = without_targets(estimator.regressor_)
        return inner, [*transformers, estimator.transformer_]
    if isinstance(estimator, Pipeline):
        name, last = estimator.steps[-1]
        inner, transformers = without_targets(last)
        if inner is not last:
            estimator = copy.copy(estimator)
            estimator.steps = [*estimator.steps[:-1], (name, inner)]
        return estimator, transformers
    return estimator, []


def add_inverses(body: onnx.ModelProto, transformers: Sequence[Any]) -> None:
    """Make the graph's only output what the transformers' inverses make of it, in float64.

    Raises:
        NotImplementedError: a transformer's inverse is not known.
    """
    if not transformers:
        return
    build = _Appending(body.graph)
    result = build.double(body.graph.output[0].name)
    for transformer in transformers:
        result = _add_inverse(build, transformer, result)
    body.graph.output[0].CopyFrom(helper.make_tensor_value_info(result, TensorProto.DOUBLE, None))


def _add_inverse(build: Builder, transformer: Any, source: str) -> str:
    if isinstance(transformer, Pipeline):
        for _, step in reversed(transformer.steps):
            source = _add_inverse(build, step, source)
        return source
    inverse = _INVERSES.get(type(transformer))
    if inverse is None:
        raise NotImplementedError(f"the inverse of {type(transformer).__name__} has no translation")
    if not isinstance(transformer, FunctionTransformer) or transformer.validate:
        source = finite(build, source, missing=not isinstance(transformer, FunctionTransformer))
    return inverse(build, transformer, source)


def _of_a_function(build: Builder, transformer: Any, source: str) -> str:
    return add_function(build, transformer.inverse_func, transformer.inv_kw_args, source)


def _of_a_min_max_scaler(build: Builder, transformer: Any, source: str) -> str:
    shifted = build.add("Sub", [source, build.constant(transformer.min_.tolist())])
    return build.add("Div", [shifted, build.constant(transformer.scale_.tolist())])


def _scaled_and_moved(scale: str, center: str | None) -> _Inverse:
    """`source * scale + center`, each by the name of the transformer's attribute and left out where that is None."""

    def inverse(build: Builder, transformer: Any, source: str) -> str:
        for op_type, name in (("Mul", scale), ("Add", center)):
            values = None if name is None else getattr(transformer, name)
            if values is not None:
                source = build.add(op_type, [source, build.constant(values.tolist())])
        return source

    return inverse


_INVERSES: Mapping[type, _Inverse] = {
    FunctionTransformer: _of_a_function,
    MaxAbsScaler: _scaled_and_moved("scale_", None),
    MinMaxScaler: _of_a_min_max_scaler,
    RobustScaler: _scaled_and_moved("scale_", "center_"),
    StandardScaler: _scaled_and_moved("scale_", "mean_"),
}


class _Appending(Builder):
    """Adds nodes to a graph that is finished but for its output."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._graph = graph
        self._names = 0

    def name(self, hint: str) -> str:
        self._names += 1
        return f"target/{hint}_{self._names}"

    def node(self, node: Any) -> None:
        self._graph.node.append(node)

    def initializer(self, name: str, element_type: int, shape: Sequence[int], values: Sequence[Any]) -> None:
        self._graph.initializer.append(helper.make_tensor(name, element_type, list(shape), list(values)))
