"""Rows far outside of what a model was trained on. They are made here and not by the compiler's own trial, which this
judges."""

import unicodedata
from typing import Any

import numpy as np
from benchmarks.robustness.compiler.pieces import Random

from modelyard_serving.protocol.datatypes import Datatype
from modelyard_serving.runtimes.base import Tensors
from modelyard_serving.signature import Signature

_F32 = float(np.finfo(np.float32).max)
_F64 = float(np.finfo(np.float64).max)
_NUMBERS = (
    0.0, -0.0, 1.0, -1.0, 5e-324, 1e-45, 1e-38, 1e-300, 709.0, 710.0, 1e5, 2.0**24 + 1, 2.0**31, 2.0**53 + 2, 2.0**63,
    1e19, 1e30, 1e38, _F32, float(np.nextafter(_F32, np.inf)), 3.4028235677973366e38, 1e39, 1e100, 1e154, 1e200, 1e300,
    _F64, -999.0, float(np.float32(0.1)), float("nan"), float("inf"),
)  # fmt: skip
_ODD = (
    "", " ", "a", "\t\n", "nan", "None", "naïve café", "MARCHÉ", "ﬁ", "ǅ", "İ", "ΣΑΣ", "日本語", "🙂", "e\u0301", "x_1",
    "\u00ad", "a\u200db", "٣٤", "don’t", "1,000.5", "\x00", "\x00missing", "<unk>", "-1", "0", "True",
)  # fmt: skip


def distant_rows(random: Random, rows: Tensors, signature: Signature, count: int) -> Tensors:
    """So many rows, of each column by itself or of all together."""
    base = random.integers(0, len(next(iter(rows.values()))), count)
    touched = random.random((count, len(signature.inputs))) < random.choice([0.3, 1.0], (count, 1))
    made = {}
    for place, spec in enumerate(signature.inputs):
        values, kept = rows[spec.name], ~touched[:, place]
        change = _texts if spec.datatype is Datatype.BYTES else _numbers
        changed = change(random, values, base)
        changed[kept] = values[base[kept]]
        made[spec.name] = changed
    return made


def _numbers(random: Random, values: Any, base: Any) -> Any:
    if values.dtype.kind == "b":
        return random.random(len(base)) < 0.5
    if values.dtype.kind in "iu":
        return _integers(random, values, base)
    shape = values[base].shape
    wide = values[base].astype(np.float64)
    scale = random.choice([1.0, 10.0, 1e3, 1e6, 1e12], (len(base), *[1] * (wide.ndim - 1)))
    moved = wide + random.standard_normal(shape) * scale * (np.nanstd(values.astype(np.float64)) or 1.0)
    odd = random.choice(_NUMBERS, shape) * random.choice([1.0, -1.0], shape)
    near = np.nextafter(wide, random.choice([np.inf, -np.inf], shape)) if random.random() < 0.5 else -wide
    way = random.integers(0, 5, (len(base), *[1] * (wide.ndim - 1)))
    sparse = np.where(random.random(shape) < 0.3, odd, wide)
    with np.errstate(over="ignore"):
        return np.choose(way, [moved, odd, near, sparse, np.zeros(shape)]).astype(values.dtype)


def _integers(random: Random, values: Any, base: Any) -> Any:
    limits, shape = np.iinfo(values.dtype), values[base].shape
    odd = [limits.min, limits.min + 1, limits.max, limits.max - 1, 0, -1 if limits.min else 1, 1, 46341, 2**16]
    odd += [2**24 + 1, 2**31, 2**31 - 1, -(2**31), 2**53 + 1, 2**60 + 1, 3_037_000_500]
    odd = [value for value in odd if limits.min <= value <= limits.max]
    extreme = np.array([odd[place] for place in random.integers(0, len(odd), int(np.prod(shape)))], dtype=values.dtype)
    near = values[base] + random.integers(-3, 4, shape).astype(values.dtype)
    way = random.integers(0, 4, (len(base), *[1] * (values.ndim - 1)))
    with np.errstate(over="ignore"):
        return np.choose(
            way, [extreme.reshape(shape), near, values[base] * values.dtype.type(100), np.zeros(shape, values.dtype)]
        )


def _texts(random: Random, values: Any, base: Any) -> Any:
    made = np.empty(len(base), dtype=object)
    for row, at in enumerate(base):
        made[row] = None if random.random() < 0.05 else _mutated(random, values[at], values)
    return made


def _mutated(random: Random, text: str | None, values: Any) -> str:
    if text is None or random.random() < 0.25:
        return str(_ODD[int(random.integers(len(_ODD)))])
    other = values[int(random.integers(len(values)))] or ""
    ways = [
        text.upper(), text.lower(), text.title(), text.swapcase(), text[:1], text[1:], text + "s", f" {text} ",
        unicodedata.normalize("NFD", text), unicodedata.normalize("NFKC", text), text.replace(" ", ""),
        f"{text}.{other}", f"{text}\u00a0{other}", f"{text}’{other}", f"{text}_{other}", f"{text}\n{other}", text * 3,
        text[::-1], f"({text})",
        "".join(unicodedata.normalize("NFD", text)[::2]), f"{text}é", f"é{text}", text.replace("e", "é"), other,
    ]  # fmt: skip
    return str(ways[int(random.integers(len(ways)))])
