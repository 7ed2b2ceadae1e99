"""Whether two versions gave the same answer to the same request. Pure."""

import json
import math
from typing import Any

_OWN = frozenset({"id", "model_name", "model_version"})
"""Fields at the top of an answer that say who answered, and not what."""
_LONGEST = 200


def first_difference(expected: bytes, actual: bytes, *, tolerance: float) -> str | None:
    """Where two bodies differ first, as `predictions[0]: 1, not 0`; None where they say the same.

    Numbers that differ by less than `tolerance`, relative to the larger one, are equal. What is no JSON is compared
    byte by byte.
    """
    try:
        left, right = (_without_own(json.loads(each)) for each in (expected, actual))
        found = _difference(left, right, "", tolerance)
    except (ValueError, RecursionError):  # No JSON, or nested as deep as no answer of a model is.
        return None if expected == actual else "other bytes"
    return None if found is None else found[:_LONGEST]


def _without_own(answer: Any) -> Any:
    return {name: value for name, value in answer.items() if name not in _OWN} if isinstance(answer, dict) else answer


def _difference(left: Any, right: Any, where: str, tolerance: float) -> str | None:
    if isinstance(left, dict) and isinstance(right, dict):
        pairs = ((f"{where}.{name}".lstrip("."), left.get(name), right.get(name)) for name in {**left, **right})
        return _first(pairs, tolerance)
    if isinstance(left, list) and isinstance(right, list):
        if len(left) != len(right):
            return f"{where}: {len(right)} elements, not {len(left)}"
        elements = enumerate(zip(left, right, strict=True))
        return _first(((f"{where}[{index}]", one, other) for index, (one, other) in elements), tolerance)
    if _is_number(left) and _is_number(right):
        is_equal = _are_close(left, right, tolerance)
    else:
        is_equal = type(left) is type(right) and left == right
    return None if is_equal else f"{where}: {json.dumps(right)}, not {json.dumps(left)}"


def _first(pairs: Any, tolerance: float) -> str | None:
    found = (_difference(left, right, where, tolerance) for where, left, right in pairs)
    return next((each for each in found if each is not None), None)


def _are_close(left: float, right: float, tolerance: float) -> bool:
    try:
        one, other = float(left), float(right)
    except OverflowError:  # A whole number that no float holds.
        return left == right
    return math.isclose(one, other, rel_tol=tolerance, abs_tol=1e-12) or (math.isnan(one) and math.isnan(other))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
