"""A skl2onnx converter of imputers that knows missing values, to be used in place of its own: ONNX's Imputer fills only
float32."""

from collections.abc import Callable, Mapping
from typing import Any

from onnx import TensorProto
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, StringTensorType
from sklearn.impute import SimpleImputer

from modelyard_serving.compile.graph_builder import Builder
from modelyard_serving.compile.skl2onnx_builder import ContainerBuilder, joined
from modelyard_serving.compile.sklearn_encoders import stands_for_missing
from modelyard_serving.runtimes.compiled import MISSING_TEXT


def _convert(scope: Any, operator: Any, container: Any) -> None:
    """`Where(missing(x), statistics, x)` in the datatype of the input, and the missing-value indicator."""
    imputer, build, kind = operator.raw_operator, ContainerBuilder(scope, container), operator.inputs[0].type
    source, statistics = joined(build, operator), imputer.statistics_.tolist()
    if any(stands_for_missing(value) for value in statistics):
        raise NotImplementedError("a column that was empty in training has no translation")
    values = build.name("statistics")
    shape, output = [1, len(statistics)], operator.outputs[0].full_name
    if isinstance(kind, StringTensorType):
        if not stands_for_missing(imputer.missing_values):
            raise NotImplementedError("an imputer of texts for which another text stands has no translation")
        if _flagged(imputer):
            raise NotImplementedError("an indicator of missing texts has no translation")
        build.initializer(values, TensorProto.STRING, shape, [str(value).encode() for value in statistics])
        stand_in = build.constant([MISSING_TEXT], element_type=TensorProto.STRING)
        build.add("Where", [build.add("Equal", [source, stand_in]), values, source], output)
        return
    build.initializer(values, _element_type(kind), shape, statistics)
    missing = _missing(build, imputer, source, kind)
    if not _flagged(imputer):
        build.add("Where", [missing, values, source], output)
        return
    filled = build.add("Where", [missing, values, source])
    build.add("Concat", [filled, _flags(build, imputer, missing, kind)], output, axis=1)


def _missing(build: Builder, imputer: Any, source: str, kind: Any) -> str:
    """Flags of the missing values: NaN, or the number that stands for it."""
    if stands_for_missing(imputer.missing_values):
        return build.add("IsNaN", [source])
    sentinel = build.constant([float(imputer.missing_values)], element_type=_element_type(kind))
    return build.add("Equal", [source, sentinel])


def _flags(build: Builder, imputer: Any, missing: str, kind: Any) -> str:
    places = build.constant(_flagged(imputer), element_type=TensorProto.INT64)
    return build.cast(build.add("Gather", [missing, places], axis=1), _element_type(kind))


def _flagged(imputer: Any) -> list[int]:
    """The columns of the missing-value indicator."""
    return [int(place) for place in imputer.indicator_.features_] if imputer.add_indicator else []


def _element_type(kind: Any) -> int:
    if isinstance(kind, DoubleTensorType):
        return int(TensorProto.DOUBLE)
    if isinstance(kind, FloatTensorType):
        return int(TensorProto.FLOAT)
    raise NotImplementedError("whole numbers have no missing values that could be filled")


def _shape(operator: Any) -> None:
    imputer = operator.raw_operator
    columns = len(imputer.statistics_) + len(_flagged(imputer))
    operator.outputs[0].type = type(operator.inputs[0].type)([None, columns])


CONVERTERS: Mapping[type, Callable[[Any, Any, Any], None]] = {SimpleImputer: _convert}
SHAPES: Mapping[type, Callable[[Any], None]] = {SimpleImputer: _shape}
