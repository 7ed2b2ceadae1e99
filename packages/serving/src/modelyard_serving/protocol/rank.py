"""The limits of a tensor's dimensions. They are checked before anything is computed from a shape: a product of a
hundred thousand dimensions takes minutes, and NumPy has no array of more than 64."""

import math
from collections.abc import Sequence
from typing import Any

from modelyard_serving.errors import InvalidInput

MAX_DIMENSIONS = 32
_MAX_DIMENSION = 2**63 - 1


def check_rank(dimensions: int, name: str) -> None:
    """Raises InvalidInput for more dimensions than any model's tensor has."""
    if dimensions > MAX_DIMENSIONS:
        raise InvalidInput(f"input {name!r}: expected at most {MAX_DIMENSIONS} dimensions, got more")


def checked_shape(dimensions: Sequence[Any], name: str) -> tuple[int, ...]:
    """The shape of an input, if each dimension is a whole number of at least 0 and it has fewer than 2^63 elements.

    Raises:
        InvalidInput: the message names the input.
    """
    check_rank(len(dimensions), name)
    for dimension in dimensions:
        if type(dimension) is not int or not 0 <= dimension <= _MAX_DIMENSION:
            raise InvalidInput(f"input {name!r}: each dimension of shape must be a whole number of at least 0")
    if math.prod(dimensions) > _MAX_DIMENSION:
        raise InvalidInput(f"input {name!r}: shape {list(dimensions)} has too many elements")
    return tuple(dimensions)
