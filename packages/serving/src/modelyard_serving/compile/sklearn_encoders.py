"""skl2onnx converters of what encodes categories, to be used in place of its own, which give a missing text no place,
hold numbers in float32, take the whole part of a number for it, and know no infrequent categories.

Each value becomes the place of its category, and the place a number in float64. A value that the model refuses gets a
place outside of all: onnxruntime fails there, and the server answers that the model refuses the value.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from onnx import TensorProto
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, StringTensorType
from skl2onnx.operator_converters.one_hot_encoder import convert_sklearn_one_hot_encoder
from skl2onnx.shape_calculators.one_hot_encoder import calculate_sklearn_one_hot_encoder_output_shapes
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, TargetEncoder

from modelyard_serving.compile.graph_builder import Builder
from modelyard_serving.compile.skl2onnx_builder import ContainerBuilder
from modelyard_serving.compile.sklearn_guards import is_computed
from modelyard_serving.runtimes.compiled import MISSING_TEXT

_ML = "ai.onnx.ml"


def stands_for_missing(value: Any) -> bool:
    """Whether scikit-learn takes it for a missing value."""
    return value is None or (isinstance(value, float) and bool(np.isnan(value)))


def _convert_ordinal_encoder(scope: Any, operator: Any, container: Any) -> None:
    """Text by text to its code."""
    encoder, build = operator.raw_operator, ContainerBuilder(scope, container)
    refuses_unknown = encoder.handle_unknown == "error"
    codes = []
    for index, column in enumerate(_columns(scope, build, operator)):
        categories = encoder.categories_[index].tolist()
        values = [float(code) for code in _grouped(encoder, index)]
        for place, category in enumerate(categories):
            if stands_for_missing(category):
                values[place] = float(encoder.encoded_missing_value)
        unknown = [] if refuses_unknown else [float(encoder.unknown_value)]
        codes.append(_values(build, _category_index(build, categories, column), [*values, *unknown]))
    _concatenate(build, codes, operator)


def _convert_target_encoder(scope: Any, operator: Any, container: Any) -> None:
    """Text by text to the mean of its targets; one that was not seen to the mean of all."""
    encoder, build = operator.raw_operator, ContainerBuilder(scope, container)
    if encoder.target_type_ == "multiclass":
        raise NotImplementedError("a target encoder of more than two classes has no translation")
    means = []
    for index, column in enumerate(_columns(scope, build, operator)):
        values = [*encoder.encodings_[index].tolist(), float(encoder.target_mean_)]
        means.append(_values(build, _category_index(build, encoder.categories_[index].tolist(), column), values))
    _concatenate(build, means, operator)


def _convert_one_hot_encoder(scope: Any, operator: Any, container: Any) -> None:
    """Numbers, and texts of which some are infrequent, here; other texts by skl2onnx."""
    encoder, build = operator.raw_operator, ContainerBuilder(scope, container)
    if not _is_ours(operator):
        convert_sklearn_one_hot_encoder(scope, operator, container)
        return
    if encoder.drop_idx_ is not None and _may_have_groups(encoder):
        raise NotImplementedError("infrequent categories of which one is dropped have no translation")
    flags = []
    for index, column in enumerate(_columns(scope, build, operator)):
        groups = _grouped(encoder, index)
        count = max(groups) + 1
        place = _category_index(build, encoder.categories_[index].tolist(), column)
        group = _values(build, place, [float(value) for value in [*groups, *_unknown_group(encoder, index, count)]])
        all_groups = build.constant([float(value) for value in _flagged_groups(encoder, index)])
        flags.append(build.double(build.add("Equal", [group, all_groups])))
    _concatenate(build, flags, operator)


def _flagged_groups(encoder: Any, index: int) -> list[int]:
    """The groups of a column that have a flag of their own."""
    dropped = None if encoder.drop_idx_ is None else encoder.drop_idx_[index]
    return [group for group in range(max(_grouped(encoder, index)) + 1) if group != dropped]


def _is_ours(operator: Any) -> bool:
    return _may_have_groups(operator.raw_operator) or not all(
        isinstance(place.type, StringTensorType) for place in operator.inputs
    )


def _unknown_group(encoder: Any, index: int, count: int) -> list[int]:
    """The group of what was never seen: none where it is refused, one beyond all where it is ignored."""
    if encoder.handle_unknown == "error":
        return []
    is_infrequent = encoder.handle_unknown == "infrequent_if_exist" and _mapping(encoder, index) is not None
    return [count - 1 if is_infrequent else count]


def _may_have_groups(encoder: Any) -> bool:
    return bool(encoder._infrequent_enabled) or encoder.handle_unknown == "infrequent_if_exist"  # noqa: SLF001


def _mapping(encoder: Any, index: int) -> Any:
    """From the place of each category to its code; None where the column has no infrequent ones."""
    return encoder._default_to_infrequent_mappings[index] if encoder._infrequent_enabled else None  # noqa: SLF001


def _grouped(encoder: Any, index: int) -> list[int]:
    """The code of each category of a column: infrequent ones share the last."""
    mapping = _mapping(encoder, index)
    return list(range(len(encoder.categories_[index]))) if mapping is None else [int(code) for code in mapping]


@dataclass(frozen=True, slots=True)
class _Column:
    name: str
    kind: Any
    """skl2onnx's type of its values."""


def _columns(scope: Any, build: Builder, operator: Any) -> list[_Column]:
    """Each column by itself."""
    columns = []
    for place in operator.inputs:
        if is_computed(scope, place):
            raise NotImplementedError(
                f"{type(operator.raw_operator).__name__} of computed numbers: their last digits decide the category"
            )
        width = place.type.shape[1]
        if not isinstance(width, int):
            raise NotImplementedError(f"{type(operator.raw_operator).__name__} of an unknown number of columns")
        for at in range(width):
            index = build.constant([at], element_type=TensorProto.INT64)
            column = place.full_name if width == 1 else build.add("Gather", [place.full_name, index], axis=1)
            columns.append(_Column(column, place.type))
    return columns


def _category_index(build: Builder, categories: Sequence[Any], column: _Column) -> str:
    """The place of each value among the categories, and one beyond them for any other."""
    if not isinstance(column.kind, StringTensorType):
        return _number_index(build, categories, column)
    texts = [MISSING_TEXT if stands_for_missing(category) else str(category) for category in categories]
    return build.add(
        "LabelEncoder",
        [column.name],
        domain=_ML,
        keys_strings=texts,
        values_int64s=list(range(len(texts))),
        default_int64=len(texts),
    )


def _number_index(build: Builder, categories: Sequence[Any], column: _Column) -> str:
    """By comparing it with each: a whole number as what it is, any other as a double."""
    is_real = isinstance(column.kind, DoubleTensorType | FloatTensorType)
    if not all(isinstance(category, int | float) for category in categories):
        raise NotImplementedError("categories that are no numbers, in a column of numbers, have no translation")
    kind = TensorProto.DOUBLE if is_real else TensorProto.INT64
    values = [float(category) if is_real else int(category) for category in categories]
    source = build.cast(column.name, kind)
    equal = build.add("Equal", [source, build.constant(values, element_type=kind)])
    if is_real and any(stands_for_missing(value) for value in values):
        is_nan = build.constant([bool(np.isnan(value)) for value in values], element_type=TensorProto.BOOL)
        equal = build.add("Or", [equal, build.add("And", [build.add("IsNaN", [source]), is_nan])])
    flags = build.cast(equal, TensorProto.INT64)
    out_of_range = build.constant([len(values)], element_type=TensorProto.INT64)
    found = build.cast(
        build.add("ReduceMax", [flags, build.constant([1], element_type=TensorProto.INT64)]), TensorProto.BOOL
    )
    return build.add("Where", [found, build.add("ArgMax", [flags], axis=1), out_of_range])


def _values(build: Builder, indices: str, values: Sequence[float]) -> str:
    """What stands at each place; one where nothing stands is an error."""
    return build.add("Gather", [build.constant(values), indices], axis=0)


def _concatenate(build: Builder, columns: Sequence[str], operator: Any) -> None:
    output = operator.outputs[0].full_name
    joint = columns[0] if len(columns) == 1 else build.add("Concat", columns, axis=1)
    build.add("Identity", [joint], output)


def _width(operator: Any) -> int:
    return len(operator.raw_operator.categories_)


def _as_many_columns(operator: Any) -> None:
    operator.outputs[0].type = DoubleTensorType([None, _width(operator)])


def _one_hot_shape(operator: Any) -> None:
    encoder = operator.raw_operator
    if not _is_ours(operator):
        calculate_sklearn_one_hot_encoder_output_shapes(operator)
        return
    columns = sum(len(_flagged_groups(encoder, index)) for index in range(_width(operator)))
    operator.outputs[0].type = DoubleTensorType([None, columns])


CONVERTERS: Mapping[type, Callable[[Any, Any, Any], None]] = {
    OneHotEncoder: _convert_one_hot_encoder,
    OrdinalEncoder: _convert_ordinal_encoder,
    TargetEncoder: _convert_target_encoder,
}
SHAPES: Mapping[type, Callable[[Any], None]] = {
    OneHotEncoder: _one_hot_shape,
    OrdinalEncoder: _as_many_columns,
    TargetEncoder: _as_many_columns,
}
