"""The values that a fitted model knows by name: categories, words, sentinels. The verification tries each of them."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from modelyard_serving.runtimes.base import Model

_LISTS = ("categories_", "stop_words", "classes_")
_SENTINELS = ("missing", "missing_values", "unknown_value", "encoded_missing_value", "fill_value", "threshold")


@dataclass(frozen=True, slots=True)
class Known:
    """Values with a meaning for a model; their columns are not known."""

    texts: tuple[str, ...] = ()
    numbers: tuple[int | float, ...] = ()


def known_values(model: Model) -> Known:
    """The values that the model's parts name, found in whatever is an estimator or a list of them."""
    texts: set[str] = set()
    numbers: set[int | float] = set()
    waiting: list[Any] = [getattr(model, "estimator", None)]
    seen: set[int] = set()
    while waiting:
        part = waiting.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        for value in _named(part):
            if isinstance(value, str):
                texts.add(value)
            elif isinstance(value, int | float):
                numbers.add(value)
        if isinstance(part, list | tuple):
            waiting += part
        elif hasattr(part, "get_params"):
            waiting += list(vars(part).values())
    finite = [value for value in numbers if math.isfinite(value)]
    return Known(texts=tuple(sorted(texts)), numbers=tuple(sorted(finite)))


def _named(part: Any) -> Iterable[Any]:
    yield from _elements(getattr(part, "vocabulary_", None))
    for name in _LISTS:
        yield from _elements(getattr(part, name, None))
    for name in _SENTINELS:
        yield from _elements([getattr(part, name, None)])


def _elements(values: Any) -> Iterable[Any]:
    """Python's own values, out of nested lists and arrays too."""
    if isinstance(values, np.ndarray):
        values = values.tolist()
    if isinstance(values, np.generic):
        values = values.item()
    if isinstance(values, list | tuple | set | frozenset | dict):
        for value in values:
            yield from _elements(value)
    elif values is not None:
        yield values
