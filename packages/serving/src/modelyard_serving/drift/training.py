"""Makes the profile of training data: of the rows as a server gets them, and of the model's own answers to them."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from modelyard_serving.drift.binning import Binning, as_category, as_numbers
from modelyard_serving.drift.profile import (
    LONGEST_CATEGORY,
    MOST_CATEGORIES,
    MOST_FEATURES,
    NUMERIC_BINS,
    Feature,
    Profile,
    Side,
)
from modelyard_serving.metrics.cells import DRIFT_COUNTERS
from modelyard_serving.runtimes.base import Tensors

Columns = npt.NDArray[Any]


def profile_of(inputs: Tensors, outputs: Tensors, *, rows: int) -> Profile:
    """The profile of these rows. What is over the bounds is left out, and named; answers come before inputs, so that
    they are not."""
    features: list[Feature] = []
    left_out: list[str] = []
    cells = 0
    for side, name, array in [
        *((Side.OUTPUT, *each) for each in outputs.items()),
        *((Side.INPUT, *each) for each in inputs.items()),
    ]:
        reason = _unprofiled(array, rows)
        if reason is not None:
            left_out.append(f"{side} {name[:LONGEST_CATEGORY]}: {reason}")
            continue
        for column, values in columns_of(array):
            feature = _feature(side, name, column, values)
            if len(features) == MOST_FEATURES or cells + feature.cell_count > DRIFT_COUNTERS:
                left_out.append(f"{side} {feature.name[:LONGEST_CATEGORY]}: there are more features than are profiled")
                break
            features.append(feature)
            cells += feature.cell_count
    return Profile(rows, tuple(features), tuple(left_out[:MOST_FEATURES]))


def _unprofiled(array: npt.NDArray[Any], rows: int) -> str | None:
    """Why a tensor has no profile; None where it has one."""
    if not array.ndim or array.shape[0] != rows:
        return f"its first dimension is not the {rows} rows"
    values = int(np.prod(array.shape[1:]))
    return f"{values} values a row, more than {MOST_FEATURES}" if values > MOST_FEATURES else None


def columns_of(array: npt.NDArray[Any]) -> Iterator[tuple[int | None, Columns]]:
    """The columns of a tensor with their numbers; of one with one value a row only that, without a number."""
    if array.ndim == 1:
        yield None, array
        return
    flat = array.reshape(array.shape[0], -1)
    for column in range(flat.shape[1]):
        yield column, flat[:, column]


def _feature(side: Side, tensor: str, column: int | None, values: Columns) -> Feature:
    numbers = _numbers(values)
    edges = None if numbers is None else _edges(numbers)
    bare = Feature(side, tensor, column, edges, _categories(values) if edges is None else None)
    counts = [int(count) for count in Binning(bare).count(values)]
    *bins, missing, unseen = counts
    return Feature(side, tensor, column, bare.edges, bare.categories, tuple(bins), missing, unseen)


def _numbers(values: Columns) -> npt.NDArray[np.float64] | None:
    """The values as numbers; None for a column of texts."""
    if values.dtype.kind in "fiub":
        return values.astype(np.float64)
    numbers, is_other = as_numbers(values)
    has_some = bool(np.isfinite(numbers).any())
    return numbers if has_some and not is_other.any() else None


def _edges(numbers: npt.NDArray[np.float64]) -> tuple[float, ...]:
    """Between neighbours where there are few distinct values, else quantiles; with both ends of what was seen."""
    finite = numbers[np.isfinite(numbers)]
    if not finite.size:
        return ()
    distinct = np.unique(finite)
    if distinct.size <= NUMERIC_BINS:
        inner = distinct[:-1] / 2 + distinct[1:] / 2
    else:
        inner = np.quantile(finite, np.arange(1, NUMERIC_BINS) / NUMERIC_BINS)
    ends = [distinct[0], *inner, np.nextafter(distinct[-1], np.inf)]
    edges = np.unique(np.asarray(ends))
    return tuple(float(edge) for edge in edges[np.isfinite(edges)])


def _categories(values: Columns) -> tuple[str, ...]:
    """The most frequent ones, ascending."""
    counted = Counter(text for text in map(as_category, values.tolist()) if text is not None)
    frequent = [text for text, _ in counted.most_common(MOST_CATEGORIES + 1) if len(text) <= LONGEST_CATEGORY]
    return tuple(sorted(frequent[:MOST_CATEGORIES]))
