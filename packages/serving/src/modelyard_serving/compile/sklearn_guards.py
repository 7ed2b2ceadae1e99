"""What scikit-learn refuses between two steps: each checks its input, so an overflow of the one is refused by the next.

A graph would compute with it. Here each converter's nodes read their input through a guard, which fails where a number
is not finite, if the step itself refuses such a number. The graph's own inputs are checked before it runs.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from onnx import TensorProto
from skl2onnx._supported_operators import sklearn_operator_name_map
from skl2onnx.common._registration import get_converter
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType

from modelyard_serving.compile.graph_builder import finite
from modelyard_serving.compile.skl2onnx_builder import ContainerBuilder

Convert = Callable[[Any, Any, Any], None]

_KEEPS_FINITE = frozenset(
    {
        "SklearnArrayFeatureExtractor", "SklearnConcat", "SklearnIdentity", "SklearnImputer", "SklearnSimpleImputer",
        "SklearnOneHotEncoder", "SklearnOrdinalEncoder", "SklearnTargetEncoder", "SklearnBinarizer",
        "SklearnKBinsDiscretizer", "SklearnSelectKBest", "SklearnVarianceThreshold", "SklearnTfidfVectorizer",
        "SklearnCountVectorizer",
    }
)  # fmt: skip
"""Operators that make no number that is not finite out of finite ones."""
_EXACT = _KEEPS_FINITE - {"SklearnTfidfVectorizer"}
"""Operators that hand on numbers, or counts and constants, to the last digit."""


def guarded(converters: Mapping[type, Convert]) -> dict[type, Convert]:
    """All converters, ours where there are some and skl2onnx's else, behind guards."""
    known = {kind: _registered(alias) for kind, alias in sklearn_operator_name_map.items()}
    return {kind: _behind_guard(convert) for kind, convert in {**known, **converters}.items()}


def _registered(alias: str) -> Convert:
    """Found only when it is called: not each operator that skl2onnx knows has a converter."""

    def convert(scope: Any, operator: Any, container: Any) -> None:
        get_converter(alias)(scope, operator, container)

    return convert


def _behind_guard(convert: Convert) -> Convert:
    def converted(scope: Any, operator: Any, container: Any) -> None:
        before = len(container.nodes)
        convert(scope, operator, container)
        added = container.nodes[before:]
        open_inputs = [variable for variable in operator.inputs if _may_overflow(scope, variable)]
        if not open_inputs or not added:
            return
        refuses_infinite, refuses_missing = (_refuses(operator.raw_operator, value) for value in (np.inf, np.nan))
        if not refuses_infinite:
            return
        build = ContainerBuilder(scope, container)
        for variable in open_inputs:
            kind = TensorProto.FLOAT if isinstance(variable.type, FloatTensorType) else TensorProto.DOUBLE
            safe = finite(build, variable.full_name, missing=not refuses_missing, kind=kind)
            for node in added:
                node.input[:] = [safe if name == variable.full_name else name for name in node.input]

    return converted


def is_computed(scope: Any, variable: Any) -> bool:
    """Whether a number's last digits may depend on the order in which a step has added and multiplied."""
    return _has_producer_outside(scope, variable, _EXACT)


def _may_overflow(scope: Any, variable: Any) -> bool:
    """Whether a number may have become infinite on the way from the graph's inputs to here."""
    return _has_producer_outside(scope, variable, _KEEPS_FINITE)


def _has_producer_outside(scope: Any, variable: Any, kinds: frozenset[str]) -> bool:
    """Whether an operator of another kind made the numbers, on the way from the graph's inputs to here."""
    if variable.is_root or not isinstance(variable.type, DoubleTensorType | FloatTensorType):
        return False
    producers = [
        operator
        for operator in scope.operators.values()
        if any(output.full_name == variable.full_name for output in operator.outputs)
    ]
    if not producers:  # A converter made it for a part of its model, whose own input it is.
        return True
    return any(
        producer.type not in kinds or any(_has_producer_outside(scope, source, kinds) for source in producer.inputs)
        for producer in producers
    )


def _refuses(step: Any, value: float) -> bool:
    """Found by asking, as `refusals` asks the whole model."""
    width = getattr(step, "n_features_in_", None)
    ask = getattr(step, "transform", None) or getattr(step, "predict", None)
    if width is None or ask is None:
        return False
    row = np.zeros((1, int(width)))
    row[0, 0] = value
    try:
        ask(row)
    except ValueError as error:
        return "contains infinity" in str(error) or "contains NaN" in str(error)
    except Exception:  # noqa: BLE001  # It takes no numbers.
        return False
    return False
