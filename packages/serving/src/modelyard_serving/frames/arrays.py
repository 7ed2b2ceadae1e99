"""One nested JSON array to one tensor of a declared datatype and shape. It says which element is wrong."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import simdjson

from modelyard_serving.errors import InvalidInput
from modelyard_serving.frames.values import WrongValue, flat, numbers_buffer
from modelyard_serving.protocol.rank import check_rank
from modelyard_serving.signature import TensorSpec

_ARRAYS = {list, simdjson.Array, np.ndarray}


def tensor(value: Any, spec: TensorSpec, *, arrays: int = 0, checks_shape: bool = True) -> npt.NDArray[Any]:
    """`value` (nested lists or a simdjson array, row by row) as the tensor that `spec` declares.

    Args:
        arrays: how many arrays the JSON text of a simdjson array holds, itself among them. If these are as many as
            its shape needs, no element hides an array, and its numbers can be read in one step.
        checks_shape: False where no shape is declared; then only equal row lengths are required.

    Raises:
        InvalidInput: rows of different lengths, another shape, or a value that is not of the datatype.
    """
    if not isinstance(value, simdjson.Array | list):
        raise InvalidInput(f"input {spec.name!r}: expected an array of shape {list(spec.shape)}, got one value")
    shape = _shape(value, spec)
    if checks_shape:
        check_shape(shape, spec)
    numbers = None
    if isinstance(value, simdjson.Array) and arrays == arrays_in(shape):
        numbers = numbers_buffer(value, spec.datatype)
    return (_checked(value, spec, shape) if numbers is None else numbers).reshape(shape)


def arrays_in(shape: tuple[int, ...]) -> int:
    """How many JSON arrays a nested array of this shape is made of: `[[1, 2], [3, 4]]` has three."""
    return 1 + sum(math.prod(shape[:depth]) for depth in range(1, len(shape)))


def check_shape(shape: tuple[int, ...], spec: TensorSpec) -> None:
    """Raises InvalidInput where a shape has another rank, or another size where the declared one is fixed."""
    fits = len(shape) == len(spec.shape) and all(
        declared in (-1, size) for declared, size in zip(spec.shape, shape, strict=True)
    )
    if not fits:
        raise InvalidInput(f"input {spec.name!r}: expected shape {list(spec.shape)}, got {list(shape)}")


def _shape(value: Any, spec: TensorSpec) -> tuple[int, ...]:
    """The shape of a nested array of which every row of a level has the same length."""
    level: list[Any] = [value]
    shape: list[int] = []
    while True:
        lengths = set(map(len, level))
        if len(lengths) > 1:
            raise InvalidInput(
                f"input {spec.name!r}: rows at depth {len(shape)} differ in length: {sorted(lengths)[:5]}"
            )
        shape.append(lengths.pop())
        check_rank(len(shape), spec.name)
        if not shape[-1] or type(level[0][0]) not in _ARRAYS:
            return tuple(shape)
        # The innermost rows are many, and their own elements are not looked at: that they are plain is for `column`.
        level = [child for row in level for child in row] if len(level) > 1 else list(level[0])
        if not set(map(type, level)) <= _ARRAYS:
            raise InvalidInput(f"input {spec.name!r}: arrays and single values are mixed at depth {len(shape)}")


def _checked(value: Any, spec: TensorSpec, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """The elements one by one, flat: slower than a buffer, but it knows null, and which element is wrong."""
    elements: Any = value.as_list() if isinstance(value, simdjson.Array) else value
    for _ in shape[1:]:
        elements = [child for row in elements for child in row]
    try:
        return flat(elements, spec)
    except WrongValue as error:
        place = [int(index) for index in np.unravel_index(error.index, shape)]
        raise InvalidInput(f"input {spec.name!r} at {place}: {error}") from error
