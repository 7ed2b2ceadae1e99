"""Two models on the same rows: the same labels, numbers within the tolerance, the same refusals. It changes neither."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from modelyard_serving.compile.rows import taken
from modelyard_serving.errors import InvalidInput
from modelyard_serving.runtimes.base import Model, Tensors

RELATIVE_TOLERANCE = 1e-5
ABSOLUTE_TOLERANCE = 1e-6
"""Numbers may differ by `absolute + relative · |the original's|`: sums in float32 do, and no more than that."""


@dataclass(slots=True)
class Difference:
    """What a trial has found so far."""

    largest: dict[str, float] = field(default_factory=dict)
    """By output: the largest absolute difference; the number of different elements where they are no numbers."""
    reason: str | None = None
    """The first difference that is too large; None while there is none."""

    def compare(self, expected: Tensors, got: Tensors, *, among: str) -> None:
        """Take the answers to one batch of rows into account."""
        for name, right in expected.items():
            left = got[name]
            if left.shape != right.shape or left.dtype != right.dtype:
                told = f"{left.dtype}{list(left.shape)} instead of {right.dtype}{list(right.shape)}"
                self._fail(f"output {name!r} is {told}")
                return
            if right.dtype.kind == "f":
                self._compare_numbers(name, left, right, among=among)
            else:
                self._compare_labels(name, left, right, among=among)

    def _compare_numbers(self, name: str, left: npt.NDArray[Any], right: npt.NDArray[Any], *, among: str) -> None:
        with np.errstate(invalid="ignore"):  # Two infinities have no difference; that they are equal is seen below.
            difference = np.abs(left.astype(np.float64) - right)
            is_within = difference <= ABSOLUTE_TOLERANCE + RELATIVE_TOLERANCE * np.abs(right)
        is_same = (left == right) | (np.isnan(left) & np.isnan(right))
        largest = float(difference[~is_same].max(initial=0))
        self.largest[name] = max(self.largest.get(name, 0.0), largest)
        if not (is_same | is_within).all():
            self._fail(f"output {name!r} differs by {largest:.3g} among the {among} rows")

    def _compare_labels(self, name: str, left: npt.NDArray[Any], right: npt.NDArray[Any], *, among: str) -> None:
        different = int((left != right).sum())
        self.largest[name] = self.largest.get(name, 0.0) + different
        if different:
            self._fail(f"output {name!r} has another label in {different} of {right.size} {among} rows")

    def _fail(self, reason: str) -> None:
        self.reason = self.reason or reason


@dataclass(frozen=True, slots=True)
class Answers:
    """What the original says to some rows, and which rows it refuses."""

    rows: Tensors
    outputs: Tensors
    refused: Tensors
    """Rows that are the caller's fault. Rows on which the original itself breaks are in neither part."""


def original_answers(model: Model, rows: Tensors, names: Sequence[str]) -> Answers | None:
    """The original's answers; None where it answers none of the rows."""
    count = len(next(iter(rows.values())))
    try:
        return Answers(rows=rows, outputs=model.predict(rows, outputs=names), refused=taken(rows, slice(0, 0)))
    except Exception:  # noqa: BLE001, S110  # One of the rows is refused, or breaks the model: they are asked one by one.
        pass
    kept, refused = [], []
    for row in range(count):
        try:
            model.predict(taken(rows, slice(row, row + 1)), outputs=names)
            kept.append(row)
        except InvalidInput:
            refused.append(row)
        except Exception:  # noqa: BLE001, S112  # The original's own fault is no promise that a graph has to keep.
            continue
    if not kept:
        return None
    accepted = taken(rows, kept)
    return Answers(rows=accepted, outputs=model.predict(accepted, outputs=names), refused=taken(rows, refused))


def unrefused(model: Model, rows: Tensors) -> int:
    """How many of these rows, which the original refuses, the model answers."""
    count = len(next(iter(rows.values()), ()))
    answered = 0
    for row in range(count):
        try:
            model.predict(taken(rows, slice(row, row + 1)))
            answered += 1
        except InvalidInput:
            continue
    return answered
