"""skl2onnx converters of what makes numbers of numbers, to be used in place of its own, which know no functions or
compute in float32."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from onnx import TensorProto
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    PolynomialFeatures,
    RobustScaler,
    StandardScaler,
)

from modelyard_serving.compile.graph_builder import Builder
from modelyard_serving.compile.skl2onnx_builder import ContainerBuilder, joined
from modelyard_serving.compile.sklearn_functions import STAY_WHOLE, add_function, add_function_of_whole


def converter_of_functions(whole: np.dtype[Any] | None) -> Callable[[Any, Any, Any], None]:
    """A converter of `FunctionTransformer`.

    Args:
        whole: the datatype of the model's whole numbers; None where they are of several.
    """

    def convert(scope: Any, operator: Any, container: Any) -> None:
        transformer, build = operator.raw_operator, ContainerBuilder(scope, container)
        source = joined(build, operator)
        if transformer.func is not None and _is_whole(operator):
            if whole is None:
                raise NotImplementedError("a function of whole numbers of several datatypes has no translation")
            source = add_function_of_whole(build, transformer.func, transformer.kw_args, source, whole)
        elif transformer.func is not None:
            source = add_function(build, transformer.func, transformer.kw_args, build.double(source))
        build.add("Identity", [source], operator.outputs[0].full_name)

    return convert


def _is_whole(operator: Any) -> bool:
    return not all(isinstance(variable.type, DoubleTensorType | FloatTensorType) for variable in operator.inputs)


def _convert_normalizer(scope: Any, operator: Any, container: Any) -> None:
    """Each row by its norm. A row without one, or nearly, stays as it is."""
    build, (kind, source) = ContainerBuilder(scope, container), _as_real(scope, operator, container)
    axis, norm = _axis(build, 1), operator.raw_operator.norm
    if norm == "l2":
        size = build.add("Sqrt", [build.add("ReduceSum", [build.add("Mul", [source, source]), axis], keepdims=1)])
    else:
        size = build.add("ReduceSum" if norm == "l1" else "ReduceMax", [build.add("Abs", [source]), axis], keepdims=1)
    tiny = build.constant([10 * float(np.finfo(_DTYPES[kind]).eps)], element_type=kind)
    size = build.add("Where", [build.add("Less", [size, tiny]), build.constant([1.0], element_type=kind), size])
    build.add("Div", [source, size], operator.outputs[0].full_name)


def _convert_scaler(scope: Any, operator: Any, container: Any) -> None:
    """`(x - center) / scale` in the datatype of the input, as the scalers compute; without what is switched off."""
    scaler, build = operator.raw_operator, ContainerBuilder(scope, container)
    kind, source = _as_real(scope, operator, container)
    for op_type, values in zip(("Sub", "Div"), _center_and_scale(scaler), strict=True):
        if values is not None:
            source = build.add(op_type, [source, build.constant(_rounded(values, kind), element_type=kind)])
    if getattr(scaler, "clip", False):
        source = _clipped(build, source, (-1.0, 1.0), kind)
    build.add("Identity", [source], operator.outputs[0].full_name)


def _center_and_scale(scaler: Any) -> tuple[Any, Any]:
    if isinstance(scaler, StandardScaler):
        return scaler.mean_ if scaler.with_mean else None, scaler.scale_ if scaler.with_std else None
    if isinstance(scaler, RobustScaler):
        return scaler.center_ if scaler.with_centering else None, scaler.scale_ if scaler.with_scaling else None
    return None, scaler.scale_


def _convert_min_max(scope: Any, operator: Any, container: Any) -> None:
    scaler, build = operator.raw_operator, ContainerBuilder(scope, container)
    kind, source = _as_real(scope, operator, container)
    source = build.add("Mul", [source, build.constant(_rounded(scaler.scale_, kind), element_type=kind)])
    source = build.add("Add", [source, build.constant(_rounded(scaler.min_, kind), element_type=kind)])
    if scaler.clip:
        source = _clipped(build, source, scaler.feature_range, kind)
    build.add("Identity", [source], operator.outputs[0].full_name)


def _clipped(build: Builder, source: str, bounds: tuple[float, float], kind: int) -> str:
    """NumPy's `clip`, which leaves NaN as it is; that of onnxruntime does not."""
    low, high = (build.constant([float(bound)], element_type=kind) for bound in bounds)
    raised = build.add("Where", [build.add("Less", [source, low]), low, source])
    return build.add("Where", [build.add("Greater", [raised, high]), high, raised])


def _rounded(values: Any, kind: int) -> list[float]:
    return [float(value) for value in np.asarray(values, dtype=_DTYPES[kind])]


_DTYPES: Mapping[int, Any] = {int(TensorProto.FLOAT): np.float32, int(TensorProto.DOUBLE): np.float64}


def _as_real(scope: Any, operator: Any, container: Any) -> tuple[int, str]:
    """The input in the datatype in which the transformers compute: float32 stays, all else becomes float64."""
    build = ContainerBuilder(scope, container)
    if all(isinstance(variable.type, FloatTensorType) for variable in operator.inputs):
        return int(TensorProto.FLOAT), joined(build, operator)
    return int(TensorProto.DOUBLE), build.double(joined(build, operator))


def _real_shape(operator: Any) -> None:
    is_narrow = all(isinstance(variable.type, FloatTensorType) for variable in operator.inputs)
    kind = FloatTensorType if is_narrow else DoubleTensorType
    operator.outputs[0].type = kind([None, int(operator.raw_operator.n_features_in_)])


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
    max_bins = int(model.n_bins_.max())
    flags = build.double(build.add("Equal", [_with_axis(build, bins, 2), _tensor(build, np.arange(float(max_bins)))]))
    wide = build.constant([-1, len(inner) * max_bins], element_type=TensorProto.INT64)
    bin_indices = [
        column * max_bins + variable for column, count in enumerate(model.n_bins_) for variable in range(int(count))
    ]
    places = build.constant(bin_indices, element_type=TensorProto.INT64)
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
    columns = [variable.type.shape[1] for variable in operator.inputs]
    width = None if None in columns else sum(columns)
    function = operator.raw_operator.func
    stays = function is None or (_is_whole(operator) and function in STAY_WHOLE)
    kind = type(operator.inputs[0].type) if stays else DoubleTensorType
    operator.outputs[0].type = kind([None, width])


def _width_of_bins(model: Any) -> int:
    return len(model.n_bins_) if model.encode == "ordinal" else int(model.n_bins_.sum())


CONVERTERS: Mapping[type, Callable[[Any, Any, Any], None]] = {
    Binarizer: _convert_binarizer,
    FunctionTransformer: converter_of_functions(None),
    KBinsDiscretizer: _convert_bins,
    MaxAbsScaler: _convert_scaler,
    MinMaxScaler: _convert_min_max,
    Normalizer: _convert_normalizer,
    RobustScaler: _convert_scaler,
    StandardScaler: _convert_scaler,
    PolynomialFeatures: _convert_polynomial,
}
SHAPES: Mapping[type, Callable[[Any], None]] = {
    Binarizer: _shape(lambda model: int(model.n_features_in_)),
    FunctionTransformer: _function_shape,
    KBinsDiscretizer: _shape(_width_of_bins),
    MaxAbsScaler: _real_shape,
    MinMaxScaler: _real_shape,
    Normalizer: _real_shape,
    RobustScaler: _real_shape,
    StandardScaler: _real_shape,
    PolynomialFeatures: _shape(lambda model: int(model.n_output_features_)),
}
