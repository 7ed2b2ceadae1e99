"""Rows far from the example for the verification: zeros, spreads a thousand times as wide, inverted signs, the limits
of each datatype and values one past those of narrower ones, values that the model knows by name, unusual texts.

The sampling is seeded, as for all rows of a verification.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from modelyard_serving.compile.known_values import Known
from modelyard_serving.compile.rows import spread_of
from modelyard_serving.compile.texts import EDGE_CASE_TEXTS, mutated_texts
from modelyard_serving.protocol.datatypes import Datatype
from modelyard_serving.runtimes.base import Tensors
from modelyard_serving.signature import Signature, TensorSpec

_SPREADS = (10.0, 1_000.0, 1e6)
_ROWS_OF_A_SPREAD = 40
_FLIPPED = 40
_MAX_KNOWN = 300
_MUTATED = 150
_FLOAT32 = np.finfo(np.float32)
_PAST_FLOAT32 = 3.4028235677973366e38
"""The first double that is an infinity in float32."""
_ENDS = (
    1.0, 5e-324, float(_FLOAT32.smallest_subnormal), float(_FLOAT32.tiny), 1e-300, 0.1, 709.0, 710.0, 1e5, 2.0**24 + 1,
    2.0**31 - 1, 2.0**31, 2.0**32, 2.0**53, 2.0**53 + 2, 2.0**63, 2.0**64, 1e38, float(_FLOAT32.max),
    float(np.nextafter(_PAST_FLOAT32, 0.0)), _PAST_FLOAT32, 1e39, 1e100, 1e154, 1e200, 1e300,
    float(np.finfo(np.float64).max), float("inf"),
)  # fmt: skip
_WHOLE_ENDS = tuple(
    sorted(
        {
            value
            for bits in (7, 8, 15, 16, 24, 31, 32, 53, 63, 64)
            for end in (2**bits, -(2**bits))
            for value in (end - 1, end, end + 1)
        }
        | {0, 1, -1, 46_340, 46_341, 3_037_000_499, 3_037_000_500}
    )
)
"""The ends of every integer type and of the whole numbers that floats hold, and the roots of the largest numbers."""

_MAX_SUMMED = 1e150
"""Sums of larger numbers overflow, and which terms they add first is no property of a model: one of them is tried in a
row."""

_Array = npt.NDArray[Any]


def distant(example: Tensors, signature: Signature, known: Known) -> dict[str, Tensors]:
    """Rows by what is far about them: `distant` ones, and `extreme` ones, of which a model may refuse many."""
    specs = [spec for spec in signature.inputs if spec.name in example]
    random = np.random.default_rng(13)
    base = random.integers(0, len(next(iter(example.values()))), _MAX_KNOWN)
    far = {spec.name: _far(example[spec.name], spec, base, known, random) for spec in specs}
    count = max(map(len, far.values()))
    wide = {name: np.resize(values, (count, *values.shape[1:])) for name, values in far.items()}
    parts: dict[str, Tensors] = {"distant": wide}
    if any(_is_number(example[spec.name]) for spec in specs):
        parts["extreme"] = _extreme(example, specs, base, known, random)
    return parts


def _far(values: _Array, spec: TensorSpec, base: _Array, known: Known, random: np.random.Generator) -> _Array:
    if spec.datatype is Datatype.BYTES:
        return _far_texts(values, known, random)
    if values.dtype.kind == "b":
        return random.random((_MAX_KNOWN, *values.shape[1:])) < 0.5
    wide = _as_floats(values)
    spread, center = spread_of(wide), np.nan_to_num(wide[base])
    moved = [
        center[:_ROWS_OF_A_SPREAD] + scale * spread * random.standard_normal(center[:_ROWS_OF_A_SPREAD].shape)
        for scale in _SPREADS
    ]
    flipped = -center[:_FLIPPED]
    partly = center[:_FLIPPED] * random.choice([-1.0, 1.0], center[:_FLIPPED].shape)
    hollow = center[:_FLIPPED] * (random.random(center[:_FLIPPED].shape) < 0.5)
    return _as_dtype(np.concatenate([np.zeros((1, *wide.shape[1:])), *moved, flipped, partly, hollow]), spec)


def _far_texts(values: _Array, known: Known, random: np.random.Generator) -> _Array:
    known_texts = [*known.texts, *(value for value in values.ravel().tolist() if isinstance(value, str))]
    chosen = (
        known_texts
        if len(known_texts) <= _MAX_KNOWN
        else [known_texts[at] for at in random.permutation(len(known_texts))[:_MAX_KNOWN]]
    )
    texts = [*chosen, *mutated_texts(known_texts, random, _MUTATED), *EDGE_CASE_TEXTS]
    shuffled = np.empty(len(texts), dtype=object)
    shuffled[:] = [texts[at] for at in random.permutation(len(texts))]
    return shuffled if values.ndim == 1 else np.resize(shuffled, (len(texts), *values.shape[1:]))


def _extreme(
    example: Tensors, specs: Sequence[TensorSpec], base: _Array, known: Known, random: np.random.Generator
) -> Tensors:
    """Each end and each known number: once in all columns, once in about a third of them, once in one."""
    numbers = [value for value in known.numbers[:_MAX_KNOWN] for value in (value, value + 1, value - 1)]
    ends: list[int | float] = list(numbers)
    if any(example[spec.name].dtype.kind == "f" for spec in specs):
        ends += [sign * end for end in _ENDS for sign in (1, -1)]
    if any(example[spec.name].dtype.kind in "iu" for spec in specs):
        ends += _WHOLE_ENDS
    count = 3 * len(ends)
    sizes = [int(np.prod(example[spec.name].shape[1:], dtype=int)) for spec in specs]
    total = sum(sizes)
    touched = np.zeros((count, total), dtype=bool)
    may_add = np.array([not math.isfinite(end) or abs(end) <= _MAX_SUMMED for end in ends])
    touched[: len(ends)] = may_add[:, np.newaxis]
    touched[len(ends) : 2 * len(ends)] = (random.random((len(ends), total)) < 0.3) & may_add[:, np.newaxis]
    touched[np.arange(2 * len(ends), count), random.integers(0, total, len(ends))] = True
    made, start = {}, 0
    for spec, size in zip(specs, sizes, strict=True):
        values = example[spec.name]
        rows = np.resize(base, count)
        made[spec.name] = values[rows]
        if _is_number(values):
            mask = touched[:, start : start + size].reshape(made[spec.name].shape)
            made[spec.name] = _with_ends(made[spec.name], mask, ends * 3, spec)
        start += size
    return made


def _with_ends(values: _Array, mask: _Array, ends: Sequence[int | float], spec: TensorSpec) -> _Array:
    changed = values.copy()
    for row, end in enumerate(ends):
        if (fitting := _fitting(end, spec)) is not None:
            changed[row] = np.where(mask[row], fitting, changed[row])
    return changed


def _fitting(end: float, spec: TensorSpec) -> Any:
    """The end in the column's datatype; None where it is not of it."""
    dtype = spec.datatype.numpy_dtype
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            return np.array(float(end)).astype(dtype)[()]
    if not math.isfinite(end) or int(end) != end:
        return None
    limits = np.iinfo(dtype.str)
    return dtype.type(int(end)) if limits.min <= int(end) <= limits.max else None


def _as_floats(values: _Array) -> _Array:
    if values.dtype.kind == "O":  # Whole numbers of which some are missing.
        return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    return values.astype(np.float64) if values.dtype.kind != "f" else values


def _as_dtype(wide: _Array, spec: TensorSpec) -> _Array:
    dtype = spec.datatype.numpy_dtype
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            return wide.astype(dtype)
    limits = np.iinfo(dtype.str)
    rounded = np.rint(np.clip(wide, float(limits.min), float(limits.max)))
    inside = np.where(rounded >= float(limits.max), 0.0, rounded).astype(dtype)
    return np.where(rounded >= float(limits.max), limits.max, inside).astype(dtype)


def _is_number(values: _Array) -> bool:
    return values.dtype.kind in "iuf"
