"""Two models on the same rows: the same labels, numbers within the tolerance, the same refusals. It changes neither."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from modelyard_serving.compile.rows import select_rows
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
                message = f"{left.dtype}{list(left.shape)} instead of {right.dtype}{list(right.shape)}"
                self._fail(f"output {name!r} is {message}")
                return
            if right.dtype.kind == "f":
                self._compare_numbers(name, left, right, among=among)
            else:
                self._compare_labels(name, left, right, among=among)

    def _compare_numbers(self, name: str, left: npt.NDArray[Any], right: npt.NDArray[Any], *, among: str) -> None:
        with np.errstate(invalid="ignore"):  # Two infinities have no difference; that they are equal is seen below.
            difference = np.abs(left.astype(np.float64) - right)
            is_within = difference <= ABSOLUTE_TOLERANCE + RELATIVE_TOLERANCE * _size(right)
        is_same = (left == right) | (np.isnan(left) & np.isnan(right)) | _is_overflow(left, right)
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


def _is_overflow(left: npt.NDArray[Any], right: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Where the original's result is not a finite number, and which non-finite value it is depends on the order of a
    sum.

    Whether a sum overflows to an infinity or to NaN depends on the order of its parts. A float32 network carries NaN on
    to its outputs or drops it, as the library's ReLU has it: a row that the original answers so is not compared.
    """
    if right.dtype == np.float32 and right.ndim > 1:
        return np.asarray(~np.isfinite(right).all(axis=tuple(range(1, right.ndim)), keepdims=True))
    return np.asarray((np.isnan(left) & ~np.isfinite(right)) | (np.isnan(right) & ~np.isfinite(left)))


def _size(numbers: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """To what a tolerance is relative: each number itself; in float32 the largest of its row, for far from the example
    a network's small outputs are differences of large sums, and no more exact than these."""
    sizes = np.abs(numbers.astype(np.float64))
    if numbers.dtype != np.float32 or numbers.ndim < 2:
        return sizes
    return np.asarray(sizes.max(axis=tuple(range(1, numbers.ndim)), keepdims=True))


@dataclass(frozen=True, slots=True)
class ReferenceOutputs:
    """The original's outputs for some rows, and the rows that it does not predict."""

    row_indices: Sequence[int]
    """The indices of the predicted rows."""
    rows: Tensors
    outputs: Tensors
    refused: Tensors
    """Rows that the original refuses as invalid input."""
    broken: Tensors
    """Rows on which the original fails. A graph must not predict what its original does not."""


def reference_outputs(model: Model, rows: Tensors, names: Sequence[str]) -> ReferenceOutputs:
    """The original's outputs. Rows that it does not predict are found by bisection.

    A row on which it fails is tried again together with a row that works: a frame's column that holds only missing
    texts loses its text dtype, which is not the row's fault.
    """
    accepted, refused, broken = _bisect(model, rows, names)
    single_rows, broken = broken, []
    for row in single_rows:
        again = _predict_beside(model, rows, names, row, accepted[0][0]) if accepted else None
        if again is None:
            broken.append(row)
        else:
            accepted.append((row, row + 1, again))
    accepted.sort(key=lambda part: part[0])
    row_indices = [row_index for start, end, _ in accepted for row_index in range(start, end)]
    return ReferenceOutputs(
        row_indices=row_indices,
        rows=select_rows(rows, row_indices),
        outputs={name: np.concatenate([outputs[name] for *_, outputs in accepted]) for name in names}
        if accepted
        else {},
        refused=select_rows(rows, refused),
        broken=select_rows(rows, broken),
    )


_MAX_REFUSED = 120
_Part = tuple[int, int, Tensors]


def _bisect(model: Model, rows: Tensors, names: Sequence[str]) -> tuple[list[_Part], list[int], list[int]]:
    """The largest slices that are predicted, the rows that are refused, and the rows on which the model fails.

    The search stops after `_MAX_REFUSED` rows: where nearly all are refused, more of them add nothing.
    """
    accepted: list[_Part] = []
    refused: list[int] = []
    broken: list[int] = []
    waiting = [(0, len(next(iter(rows.values()))))]
    while waiting and len(refused) + len(broken) < _MAX_REFUSED:
        start, end = waiting.pop()
        try:
            accepted.append((start, end, model.predict(select_rows(rows, slice(start, end)), outputs=names)))
        except Exception as error:  # noqa: BLE001  # One of the rows is refused, or breaks the model.
            if end - start > 1:
                middle = (start + end) // 2
                waiting += [(middle, end), (start, middle)]
            else:
                (refused if isinstance(error, InvalidInput) else broken).append(start)
    return accepted, refused, broken


def _predict_beside(model: Model, rows: Tensors, names: Sequence[str], row: int, other: int) -> Tensors | None:
    try:
        outputs = model.predict(select_rows(rows, [other, row]), outputs=names)
    except Exception:  # noqa: BLE001  # It is the row, then.
        return None
    return {name: outputs[name][1:] for name in names}


def count_accepted(model: Model, rows: Tensors, *, broken: bool = False) -> int:
    """How many of these rows, none of which the original predicts, the model predicts.

    Args:
        broken: whether it may break on them, as the original does, and need not refuse them.
    """
    count = len(next(iter(rows.values()), ()))
    accepted = 0
    for row in range(count):
        try:
            model.predict(select_rows(rows, slice(row, row + 1)))
            accepted += 1
        except InvalidInput:
            continue
        except Exception:
            if not broken:
                raise
    return accepted
