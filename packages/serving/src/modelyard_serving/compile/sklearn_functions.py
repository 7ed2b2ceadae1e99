"""Functions of NumPy as ONNX nodes: those that `FunctionTransformer` and transformed targets are commonly given."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from modelyard_serving.compile.links import Builder

_Function = Callable[[Builder, str], str]


def _node(op_type: str) -> _Function:
    return lambda build, source: build.add(op_type, [source])


def _with(op_type: str, number: float, *, before: str | None = None, after: str | None = None) -> _Function:
    """`op(source, number)`, with another function of one value before it or after it."""

    def built(build: Builder, source: str) -> str:
        given = source if before is None else build.add(before, [source])
        told = build.add(op_type, [given, build.constant([number])])
        return told if after is None else build.add(after, [told])

    return built


def _square(build: Builder, source: str) -> str:
    return build.add("Mul", [source, source])


FUNCTIONS: Mapping[Any, _Function] = {
    np.abs: _node("Abs"),
    np.ceil: _node("Ceil"),
    np.exp: _node("Exp"),
    np.exp2: _with("Mul", math.log(2), after="Exp"),
    np.expm1: _with("Sub", 1.0, before="Exp"),
    np.floor: _node("Floor"),
    np.log: _node("Log"),
    np.log10: _with("Div", math.log(10), before="Log"),
    np.log1p: _with("Add", 1.0, after="Log"),
    np.log2: _with("Div", math.log(2), before="Log"),
    np.negative: _node("Neg"),
    np.reciprocal: _node("Reciprocal"),
    np.sqrt: _node("Sqrt"),
    np.square: _square,
}
"""By the function itself. In float64; what loses too many digits is found by the trial."""


def add_function(build: Builder, function: Any, arguments: Mapping[str, Any] | None, source: str) -> str:
    """A function of each value, None being the identity.

    Raises:
        NotImplementedError: it is not known, or it takes arguments.
    """
    if function is None:
        return source
    known = FUNCTIONS.get(function) if isinstance(function, np.ufunc) and not arguments else None
    if known is None:
        raise NotImplementedError(f"the function {getattr(function, '__name__', function)!r} has no translation")
    return known(build, source)
