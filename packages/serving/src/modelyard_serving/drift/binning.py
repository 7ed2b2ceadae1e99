"""Counts values in a feature's bins. Whatever the values are, it raises nothing and keeps nothing."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from modelyard_serving.drift.profile import COUNTS_OF_NO_BIN, LONGEST_CATEGORY, Feature

Counts = npt.NDArray[np.int64]
"""Of each bin, then of missing values, then of unseen ones."""


class Binning:
    """The bins of one feature, ready to count."""

    def __init__(self, feature: Feature) -> None:
        self._bins = feature.bin_count
        self._edges = None if feature.edges is None else np.asarray(feature.edges, dtype=np.float64)
        self._categories: Mapping[str, int] = {
            category: index for index, category in enumerate(feature.categories or ())
        }

    def count(self, values: npt.NDArray[Any]) -> Counts:
        """The counts of these values, in one dimension."""
        edges = self._edges
        indices = self._of_categories(values) if edges is None else self._of_numbers(values, edges)
        return np.bincount(indices, minlength=self._bins + COUNTS_OF_NO_BIN).astype(np.int64)

    def _of_numbers(self, values: npt.NDArray[Any], edges: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        """An infinite value is beyond the first or the last edge."""
        is_unseen = None
        if values.dtype.kind not in "fiub":
            values, is_unseen = as_numbers(values)
        numbers = values.astype(np.float64, copy=False)
        indices = np.searchsorted(edges, numbers, side="right").astype(np.int64)
        indices[np.isnan(numbers)] = self._bins
        if is_unseen is not None:
            indices[is_unseen] = self._bins + 1
        return indices

    def _of_categories(self, values: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
        known, missing, unseen = self._categories, self._bins, self._bins + 1
        return np.fromiter(
            (missing if text is None else known.get(text, unseen) for text in map(as_category, values.tolist())),
            dtype=np.int64,
            count=len(values),
        )


def as_category(value: object) -> str | None:
    """A value as the name of a category; None where it is missing. A text that is too long stands for no category."""
    if isinstance(value, str):
        return value if len(value) <= LONGEST_CATEGORY else _NO_CATEGORY
    if value is None or value != value:  # noqa: PLR0124  # Not a number: only it differs from itself.
        return None
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace") if len(value) <= LONGEST_CATEGORY else _NO_CATEGORY
    return str(value)[: LONGEST_CATEGORY + 1] if isinstance(value, (bool, int, float)) else _NO_CATEGORY


_NO_CATEGORY = "\0" * (LONGEST_CATEGORY + 1)


def as_numbers(values: npt.NDArray[Any]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Values of an object column as numbers, and which of them are neither a number nor missing."""
    plain = values.tolist()
    numbers = np.full(len(plain), np.nan)
    is_other = np.zeros(len(plain), dtype=np.bool_)
    for index, value in enumerate(plain):
        if isinstance(value, (bool, int, float)):
            numbers[index] = _bounded(value)
        elif value is not None:
            is_other[index] = True
    return numbers, is_other


def _bounded(value: float) -> float:
    try:
        return float(value)
    except OverflowError:  # A whole number that no float can hold.
        return float("inf") if value > 0 else float("-inf")
