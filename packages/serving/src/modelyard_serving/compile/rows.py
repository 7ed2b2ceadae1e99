"""Rows for the verification: sampled around the example's, and near the model's edges. `distant` makes those far from
the example.

All are tensors, as `Model.predict` takes them. The sampling is seeded: a model is tried on the same rows each time.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from modelyard_serving.protocol.datatypes import Datatype
from modelyard_serving.runtimes.base import Tensors
from modelyard_serving.signature import Signature

SAMPLES = 400
_EDGE_PAIRS = 64
_BISECTIONS = 60
_LAST_BISECTIONS = 8
_NEAR = (1e-9, 1e-6, 1e-3)
"""The distances of a row from an edge, as parts of the distance between the two rows that the edge separates."""
_JUMP = 1e-3
"""Where the scores of adjacent floating-point numbers differ by less than this part of the two rows' distance, the
model is steep there and has no jump: which of them gets which label depends on the last bit of a sum."""
_SCALES = (0.0, 0.1, 0.5, 2.0)
_EDGE_CASE_TEXTS = ("", "nan", "None", "a text that was never seen")

_Array = npt.NDArray[Any]
Score = Callable[[Tensors], _Array]


def sample_around(example: Tensors, signature: Signature, *, texts: Iterable[str], missing: Sequence[str]) -> Tensors:
    """Rows around the example's.

    Args:
        texts: the texts that the model knows.
        missing: the inputs in which the model takes missing values.
    """
    random = np.random.default_rng(7)
    rows = len(next(iter(example.values())))
    base = random.integers(0, rows, SAMPLES)
    scale = random.choice(_SCALES, SAMPLES)
    made = {}
    for spec in signature.inputs:
        if spec.name not in example:
            continue
        values = example[spec.name]
        if spec.datatype is Datatype.BYTES:
            known = sorted({*texts, *(value for value in values if isinstance(value, str)), *_EDGE_CASE_TEXTS})
            made[spec.name] = _texts(values[base], known, random)
        else:
            made[spec.name] = _with_noise(values, base, scale, random)
        if spec.name in missing:
            made[spec.name] = _with_missing(made[spec.name], random)
    return made


def near_edges(rows: Tensors, signature: Signature, score: Score, *, exact: bool) -> Tensors:
    """Rows on both sides of an edge: a point where the model's score jumps or its label changes.

    A pair of rows is dropped when the model refuses a row between them (its score is NaN); refused rows are tried far
    from the example.

    The edge between two rows of different results is found by bisection down to adjacent floating-point numbers. Such
    an edge is a split of a tree or the boundary between two classes, where float32 and float64 differ first.

    Args:
        exact: also the two adjacent floating-point numbers at the edge. Where the score is smooth, the label may depend
            on the order of a sum there, so labels are tried a billionth of the distance away from the edge.
    """
    numbers = [spec.name for spec in signature.inputs if spec.name in rows and _is_real(rows[spec.name])]
    if not numbers:
        return {name: values[:0] for name, values in rows.items()}
    start, end = _different_pairs(rows, score)
    if not len(start):
        return {name: values[:0] for name, values in rows.items()}
    directions = {name: _directions(rows[name][start], rows[name][end]) for name in numbers}
    low, high = np.zeros(len(start)), np.ones(len(start))
    first, last = (
        score(_interpolated(rows, start, directions, low)),
        score(_interpolated(rows, start, directions, high)),
    )
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        score_now = score(_interpolated(rows, start, directions, middle))
        if (kept := ~_is_refused(score_now)).sum() < len(kept):
            start, low, high, middle, first, last, score_now = (
                part[kept] for part in (start, low, high, middle, first, last, score_now)
            )
            directions = {name: (origin[kept], direction[kept]) for name, (origin, direction) in directions.items()}
            if not len(start):
                break
        is_low = _distance(score_now, first) <= _distance(score_now, last)
        low, high = np.where(is_low, middle, low), np.where(is_low, high, middle)
    if not len(start):
        return {name: values[:0] for name, values in rows.items()}
    places = [np.clip(edge, 0, 1) for step in _NEAR for edge in (low - step, high + step)]
    beside = [_interpolated(rows, start, directions, place) for place in places]
    if not exact:
        return concatenate_rows(beside)
    ends = _interpolated(rows, start, directions, low), _interpolated(rows, start, directions, high)
    ends = _adjacent_floats(*ends, numbers, lambda row: _distance(score(row), first) <= _distance(score(row), last))
    jumps = _distance(score(ends[0]), score(ends[1])) > _JUMP * _distance(first, last)
    return concatenate_rows([*(select_rows(end, jumps) for end in ends), *beside])


def concatenate_rows(parts: Sequence[Tensors]) -> Tensors:
    """The rows of all parts, one after the other."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def select_rows(rows: Tensors, index: Any) -> Tensors:
    """Some of the rows."""
    return {name: np.ascontiguousarray(values[index]) for name, values in rows.items()}


def spread_of(values: _Array) -> _Array:
    """The standard deviation of each column; where there is none, a tenth of its size, or 1."""
    wide = values.astype(np.float64)
    spread = np.nan_to_num(np.nanstd(wide, axis=0)) if len(wide) > 1 else np.zeros(wide.shape[1:])
    size = np.nanmax(np.abs(wide), axis=0, initial=0)
    return np.asarray(np.where(spread > 0, spread, np.where(size > 0, 0.1 * size, 1.0)))


def _with_noise(values: _Array, base: _Array, scale: _Array, random: np.random.Generator) -> _Array:
    if values.dtype.kind == "b":
        return np.asarray(values[base] ^ (random.random(values[base].shape) < 0.1))
    if values.dtype.kind == "O":  # Whole numbers of which some are missing.
        values = np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    wide = values.astype(np.float64)
    spread = spread_of(wide)
    noise = random.standard_normal(values[base].shape) * scale.reshape(-1, *([1] * (values.ndim - 1)))
    moved = wide[base] + noise * spread
    if values.dtype.kind in "iu":
        limits = np.iinfo(values.dtype)
        return np.clip(np.rint(moved), float(limits.min), float(limits.max)).astype(values.dtype)
    return moved.astype(values.dtype)


def _texts(values: _Array, known: Sequence[str], random: np.random.Generator) -> _Array:
    chosen = random.integers(0, len(known), len(values))
    keeps = random.random(len(values)) < 0.4
    return np.array([v if keep else known[c] for v, keep, c in zip(values, keeps, chosen, strict=True)], dtype=object)


def _with_missing(values: _Array, random: np.random.Generator) -> _Array:
    is_missing = random.random(values.shape) < 0.08
    if values.dtype.kind == "f":
        return np.where(is_missing, np.array(np.nan, dtype=values.dtype), values)
    changed = values.astype(object)
    changed[is_missing] = None
    return changed


def _is_real(values: _Array) -> bool:
    return values.dtype.kind == "f"


def _different_pairs(rows: Tensors, score: Score) -> tuple[_Array, _Array]:
    """Indices of pairs of rows whose scores differ."""
    random = np.random.default_rng(11)
    count = len(next(iter(rows.values())))
    start, end = random.integers(0, count, (2, 20 * _EDGE_PAIRS))
    answers = score(rows)
    differ = np.flatnonzero(_distance(answers[start], answers[end]) > 0)
    return start[differ][:_EDGE_PAIRS], end[differ][:_EDGE_PAIRS]


def _adjacent_floats(
    low: Tensors, high: Tensors, numbers: Sequence[str], is_low: Callable[[Tensors], _Array]
) -> tuple[Tensors, Tensors]:
    """The two rows at the edge, as adjacent floating-point numbers in each column: the steps along the direction are
    coarser."""
    for _ in range(_LAST_BISECTIONS):
        middle = {**low, **{name: low[name] + (high[name] - low[name]) / 2 for name in numbers}}
        goes_low = is_low(middle)
        for name in numbers:
            chosen = goes_low.reshape(-1, *([1] * (middle[name].ndim - 1)))
            low = {**low, name: np.where(chosen, middle[name], low[name])}
            high = {**high, name: np.where(chosen, high[name], middle[name])}
    return low, high


def _directions(start: _Array, end: _Array) -> tuple[_Array, _Array]:
    return start, np.where(np.isnan(end - start), 0, end - start)


def _interpolated(
    rows: Tensors, start: _Array, directions: Mapping[str, tuple[_Array, _Array]], part: _Array
) -> Tensors:
    made = {name: np.ascontiguousarray(values[start]) for name, values in rows.items()}
    for name, (origin, direction) in directions.items():
        step = part.reshape(-1, *([1] * (origin.ndim - 1)))
        made[name] = (origin + step * direction).astype(origin.dtype)
    return made


def _is_refused(score_now: _Array) -> _Array:
    return np.asarray(np.isnan(score_now.reshape(len(score_now), -1)).all(axis=1))


def _distance(left: _Array, right: _Array) -> _Array:
    difference = np.abs(np.nan_to_num(left) - np.nan_to_num(right))
    return np.asarray(difference.reshape(len(left), -1).sum(axis=1))
