"""Functions of NumPy as ONNX nodes: those that `FunctionTransformer` and transformed targets are commonly given."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from onnx import helper

from modelyard_serving.compile.graph_builder import Builder

_Function = Callable[[Builder, str], str]


def _node(op_type: str) -> _Function:
    return lambda build, source: build.add(op_type, [source])


def _with(op_type: str, number: float, *, before: str | None = None, after: str | None = None) -> _Function:
    """`op(source, number)`, with another function of one value before it or after it."""

    def built(build: Builder, source: str) -> str:
        given = source if before is None else build.add(before, [source])
        result = build.add(op_type, [given, build.constant([number])])
        return result if after is None else build.add(after, [result])

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


STAY_WHOLE = frozenset({np.abs, np.negative, np.square, np.ceil, np.floor})
"""Functions that make whole numbers of whole numbers, of the same datatype: they overflow."""


def add_function_of_whole(
    build: Builder, function: Any, arguments: Mapping[str, Any] | None, source: str, dtype: np.dtype[Any]
) -> str:
    """The same for whole numbers of a datatype, as INT64 in the graph: what overflows comes out at the other end.

    Raises:
        NotImplementedError: as above, or NumPy computes it in half or single precision.
    """
    if function not in STAY_WHOLE:
        if dtype.itemsize < 4 or function is np.reciprocal:
            raise NotImplementedError(f"the function {function.__name__!r} of {dtype.name} has no translation")
        return add_function(build, function, arguments, build.double(source))
    if function in (np.ceil, np.floor):
        return source
    wide = add_function(build, function, arguments, source)
    wrapped = build.cast(wide, int(helper.np_dtype_to_tensor_dtype(dtype)))
    return build.cast(wrapped, int(helper.np_dtype_to_tensor_dtype(np.dtype(np.int64))))


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
