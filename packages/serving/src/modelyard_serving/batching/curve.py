"""Whether batches pay: the model is measured with one row and with many, before it is ready. What is measured is what a
batch costs: its inputs joined, the call, its outputs split. It must give each row the same answer alone and in company,
or it is never batched."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from modelyard_serving.batching.batch import join, split
from modelyard_serving.runtimes.base import Tensors

_SIZES = (1, 4, 16, 64, 256)
_ROUNDS = 3
_LONGEST_CALL_S = 0.25
_LEAST_GAIN = 2.0
_STILL_GAINS = 1.1

Predict = Callable[[Tensors], Tensors]


@dataclass(frozen=True, slots=True)
class Curve:
    """Seconds of one call, by its rows."""

    seconds: Mapping[int, float]

    @property
    def best_rows(self) -> int:
        """The size from which on a larger batch gains less than a tenth more rows per second."""
        best = 1
        for rows in sorted(self.seconds):
            if self._rate(rows) >= self._rate(best) * _STILL_GAINS:
                best = rows
        return best

    @property
    def gain(self) -> float:
        """Rows per second at the best size, against one row at a time."""
        return self._rate(self.best_rows) / self._rate(1)

    @property
    def pays(self) -> bool:
        """Whether requests should be computed together."""
        return self.gain >= _LEAST_GAIN

    def _rate(self, rows: int) -> float:
        return rows / self.seconds[rows]


def measure(predict: Predict, example: Tensors, *, clock: Callable[[], float] = time.perf_counter) -> Curve | None:
    """The curve of a model; None when it answers a row differently in company, or not row by row.

    Args:
        example: inputs of at least one row, each tensor with the batch as its first dimension.
    """
    if any(not array.shape or array.shape[0] == 0 for array in example.values()):
        return None
    one = {name: array[:1] for name, array in example.items()}
    alone = predict(one)
    seconds: dict[int, float] = {}
    for rows in _SIZES:
        if rows > 1 and not _is_alike(alone, predict(join([one] * rows)), rows):
            return None
        seconds[rows] = min(_timed(predict, one, rows, clock) for _ in range(_ROUNDS))
        if seconds[rows] > _LONGEST_CALL_S:
            break
    return Curve(seconds)


def _timed(predict: Predict, one: Tensors, rows: int, clock: Callable[[], float]) -> float:
    started = clock()
    if rows == 1:
        predict(one)
    else:
        split(predict(join([one] * rows)), [1] * rows)
    return max(clock() - started, 1e-9)


def _is_alike(alone: Tensors, together: Tensors, rows: int) -> bool:
    if alone.keys() != together.keys():
        return False
    for name, one in alone.items():
        many = together[name]
        if not one.shape or one.shape[0] != 1 or many.shape != (rows, *one.shape[1:]):
            return False
        if one.dtype.kind == "f":
            if not np.allclose(many, one, rtol=1e-5, atol=1e-7, equal_nan=True):
                return False
        elif not np.all(many == one):
            return False
    return True
