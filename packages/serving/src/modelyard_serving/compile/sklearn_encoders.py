"""skl2onnx converters of imputers and ordinal encoders that know missing values, to be used in place of its own.

ONNX's Imputer fills only float32, and skl2onnx gives a missing text no place in an ordinal code.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from onnx import TensorProto
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, StringTensorType
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OrdinalEncoder

from modelyard_serving.compile.links import Builder
from modelyard_serving.compile.skl2onnx_builder import ContainerBuilder, joined
from modelyard_serving.runtimes.compiled import MISSING_TEXT

_ML = "ai.onnx.ml"


def _convert_imputer(scope: Any, operator: Any, container: Any) -> None:
    """`Where(missing(x), statistics, x)` in the datatype of the input."""
    imputer, build, kind = operator.raw_operator, ContainerBuilder(scope, container), operator.inputs[0].type
    if imputer.add_indicator or not _stands_for_missing(imputer.missing_values):
        raise NotImplementedError(
            "SimpleImputer with an indicator, or with another missing value than NaN, is not read"
        )
    source, statistics = joined(build, operator), imputer.statistics_.tolist()
    if any(_stands_for_missing(value) for value in statistics):
        raise NotImplementedError("a column that was empty in training has no translation")
    values = build.name("statistics")
    shape = [1, len(statistics)]
    if isinstance(kind, StringTensorType):
        build.initializer(values, TensorProto.STRING, shape, [str(value).encode() for value in statistics])
        stand_in = build.constant([MISSING_TEXT], element_type=TensorProto.STRING)
        missing = build.add("Equal", [source, stand_in])
    else:
        build.initializer(values, _element_type(kind), shape, statistics)
        missing = build.add("IsNaN", [source])
    build.add("Where", [missing, values, source], operator.outputs[0].full_name)


def _convert_ordinal_encoder(scope: Any, operator: Any, container: Any) -> None:
    """Text by text to its code; `handle_unknown="error"` stays an error only where it is not reached."""
    encoder, build = operator.raw_operator, ContainerBuilder(scope, container)
    if not all(isinstance(place.type, StringTensorType) for place in operator.inputs):
        raise NotImplementedError("an ordinal encoder of numbers has no translation")
    source = joined(build, operator)
    codes = []
    for index, categories in enumerate(encoder.categories_):
        place = build.constant([index], element_type=TensorProto.INT64)
        column = build.add("Gather", [source, place], axis=1)
        codes.append(_code(build, encoder, categories.tolist(), column))
    joint = codes[0] if len(codes) == 1 else build.add("Concat", codes, axis=1)
    build.add("Cast", [joint], operator.outputs[0].full_name, to=TensorProto.DOUBLE)


def _code(build: Builder, encoder: Any, categories: list[Any], column: str) -> str:
    codes = {str(value): float(code) for code, value in enumerate(categories) if not _stands_for_missing(value)}
    if len(codes) < len(categories):
        codes[MISSING_TEXT] = float(encoder.encoded_missing_value)
    unknown = float("nan") if encoder.unknown_value is None else float(encoder.unknown_value)
    return build.add(
        "LabelEncoder",
        [column],
        domain=_ML,
        keys_strings=list(codes),
        values_floats=list(codes.values()),
        default_float=unknown,
    )


def _stands_for_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and bool(np.isnan(value)))


def _element_type(kind: Any) -> int:
    if isinstance(kind, DoubleTensorType):
        return int(TensorProto.DOUBLE)
    if isinstance(kind, FloatTensorType):
        return int(TensorProto.FLOAT)
    raise NotImplementedError("whole numbers have no missing values that could be filled")


def _imputer_shape(operator: Any) -> None:
    operator.outputs[0].type = type(operator.inputs[0].type)([None, len(operator.raw_operator.statistics_)])


def _ordinal_shape(operator: Any) -> None:
    operator.outputs[0].type = DoubleTensorType([None, len(operator.raw_operator.categories_)])


CONVERTERS: dict[type, Callable[[Any, Any, Any], None]] = {
    SimpleImputer: _convert_imputer,
    OrdinalEncoder: _convert_ordinal_encoder,
}
SHAPES: dict[type, Callable[[Any], None]] = {SimpleImputer: _imputer_shape, OrdinalEncoder: _ordinal_shape}
