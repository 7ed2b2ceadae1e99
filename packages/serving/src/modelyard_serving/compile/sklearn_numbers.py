"""skl2onnx converters of what makes numbers of numbers, to be used in place of its own, which know no functions or
compute in float32."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from onnx import TensorProto
from skl2onnx.common.data_types import DoubleTensorType
from sklearn.preprocessing import Binarizer, FunctionTransformer, KBinsDiscretizer, PolynomialFeatures

from modelyard_serving.compile.links import Builder
from modelyard_serving.compile.skl2onnx_builder import ContainerBuilder, joined
from modelyard_serving.compile.sklearn_functions import add_function


def _convert_function(scope: Any, operator: Any, container: Any, *, is_checked: bool) -> None:
    transformer, build = operator.raw_operator, ContainerBuilder(scope, container)
    source = joined(build, operator)
    if transformer.func is not None:
        source = add_function(build, transformer.func, transformer.kw_args, build.double(source))
        source = _checked(build, source) if is_checked else source
    build.add("Identity", [source], operator.outputs[0].full_name)


def _checked(build: Builder, source: str) -> str:
    """The same numbers; onnxruntime fails where one is not finite, for it looks up what is not there."""
    wrong = build.add("Or", [build.add("IsNaN", [source]), build.add("IsInf", [source])])
    nothing = build.add("Gather", [build.constant([0.0]), build.cast(wrong, TensorProto.INT64)], axis=0)
    return build.add("Add", [source, nothing])


def _convert_binarizer(scope: Any, operator: Any, container: Any) -> None:
    build = ContainerBuilder(scope, container)
    threshold = build.constant([float(operator.raw_operator.threshold)])
    above = build.add("Greater", [build.double(joined(build, operator)), threshold])
    build.add("Cast", [above], operator.outputs[0].full_name, to=TensorProto.DOUBLE)


def _convert_polynomial(scope: Any, operator: Any, container: Any) -> None:
    """Each term as the product of all columns, each to its own power."""
    build = ContainerBuilder(scope, container)
    powers = operator.raw_operator.powers_
    exponents = _tensor(build, powers[np.newaxis].astype(np.float64))
    raised = build.add("Pow", [_with_axis(build, build.double(joined(build, operator)), 1), exponents])
    build.add("ReduceProd", [raised, _axis(build, 2)], operator.outputs[0].full_name, keepdims=0)


def _convert_bins(scope: Any, operator: Any, container: Any) -> None:
    """The number of inner edges that a value reaches is its bin."""
    model, build = operator.raw_operator, ContainerBuilder(scope, container)
    inner = [edges[1:-1] for edges in model.bin_edges_]
    padded = np.full((1, len(inner), max(1, *map(len, inner))), np.inf)
    for column, edges in enumerate(inner):
        padded[0, column, : len(edges)] = edges
    source = _with_axis(build, build.double(joined(build, operator)), 2)
    # An infinite value would reach the edges that are only there to fill the table; the model refuses it anyway.
    reached = build.double(build.add("GreaterOrEqual", [source, _tensor(build, padded)]))
    bins = build.add("ReduceSum", [reached, _axis(build, 2)], keepdims=0)
    output = operator.outputs[0].full_name
    if model.encode == "ordinal":
        build.add("Identity", [bins], output)
        return
    most = int(model.n_bins_.max())
    flags = build.double(build.add("Equal", [_with_axis(build, bins, 2), _tensor(build, np.arange(float(most)))]))
    wide = build.constant([-1, len(inner) * most], element_type=TensorProto.INT64)
    kept = [column * most + place for column, count in enumerate(model.n_bins_) for place in range(int(count))]
    places = build.constant(kept, element_type=TensorProto.INT64)
    build.add("Gather", [build.add("Reshape", [flags, wide]), places], output, axis=1)


def _with_axis(build: Builder, source: str, at: int) -> str:
    return build.add("Unsqueeze", [source, _axis(build, at)])


def _axis(build: Builder, at: int) -> str:
    return build.constant([at], element_type=TensorProto.INT64)


def _tensor(build: Builder, values: np.ndarray[Any, np.dtype[np.float64]]) -> str:
    name = build.name("constant")
    build.initializer(name, TensorProto.DOUBLE, values.shape, values.ravel().tolist())
    return name


def _shape(columns: Callable[[Any], int]) -> Callable[[Any], None]:
    def calculate(operator: Any) -> None:
        operator.outputs[0].type = DoubleTensorType([None, columns(operator.raw_operator)])

    return calculate


def _function_shape(operator: Any) -> None:
    """As wide as what goes in; without a function it stays as it came."""
    columns = [place.type.shape[1] for place in operator.inputs]
    width = None if None in columns else sum(columns)
    kind = DoubleTensorType if operator.raw_operator.func is not None else type(operator.inputs[0].type)
    operator.outputs[0].type = kind([None, width])


def _width_of_bins(model: Any) -> int:
    return len(model.n_bins_) if model.encode == "ordinal" else int(model.n_bins_.sum())


CONVERTERS: Mapping[type, Callable[[Any, Any, Any], None]] = {
    Binarizer: _convert_binarizer,
    FunctionTransformer: partial(_convert_function, is_checked=False),
    KBinsDiscretizer: _convert_bins,
    PolynomialFeatures: _convert_polynomial,
}
CHECKED = {FunctionTransformer: partial(_convert_function, is_checked=True)}
"""For models that refuse what is not finite, also where a function of theirs makes it: the logarithm of -1."""
SHAPES: Mapping[type, Callable[[Any], None]] = {
    Binarizer: _shape(lambda model: int(model.n_features_in_)),
    FunctionTransformer: _function_shape,
    KBinsDiscretizer: _shape(_width_of_bins),
    PolynomialFeatures: _shape(lambda model: int(model.n_output_features_)),
}
