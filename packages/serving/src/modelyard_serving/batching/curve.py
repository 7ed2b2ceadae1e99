"""Decides whether a model gains from batching: it is timed with one row and with many before the server is ready. The
measured time includes joining the inputs and splitting the outputs. A model whose row results differ between a single
call and a batch is never batched."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from modelyard_serving.batching.batch import join, split
from modelyard_serving.runtimes.base import Tensors
from modelyard_serving.synthetic_rows import split_rows

_SIZES = (1, 4, 16, 64, 256)
_ROUNDS = 3
_MAX_CALL_S = 0.25
_MIN_GAIN = 2.0
_MIN_STEP_GAIN = 1.1

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
            if self._rate(rows) >= self._rate(best) * _MIN_STEP_GAIN:
                best = rows
        return best

    @property
    def gain(self) -> float:
        """Rows per second at the best size, against one row at a time."""
        return self._rate(self.best_rows) / self._rate(1)

    @property
    def is_worthwhile(self) -> bool:
        """Whether requests should be computed together."""
        return self.gain >= _MIN_GAIN

    def _rate(self, rows: int) -> float:
        return rows / self.seconds[rows]


def measure(predict: Predict, example: Tensors, *, clock: Callable[[], float] = time.perf_counter) -> Curve | None:
    """The curve of a model; None when a row's result differs between a single call and a batch, or when the model does
    not work row by row.

    Args:
        example: inputs of at least one row, each tensor with the batch as its first dimension; better some rows that
            differ. Of rows after the first the model may refuse some.
    """
    if any(not array.shape or array.shape[0] == 0 for array in example.values()):
        return None
    rows: list[Tensors] = [{name: array[:1] for name, array in example.items()}]
    single = [predict(rows[0])]
    for row in split_rows(example)[1:]:
        try:
            single.append(predict(row))
            rows.append(row)
        except Exception:  # noqa: BLE001, S112  # A row that the model rejects does not count.
            continue
    seconds: dict[int, float] = {}
    for size in _SIZES:
        batch = [rows[index % len(rows)] for index in range(size)]
        if size > 1 and not _agrees_batched(predict, batch, single):
            return None
        seconds[size] = min(_timed(predict, batch, clock) for _ in range(_ROUNDS))
        if seconds[size] > _MAX_CALL_S:
            break
    return Curve(seconds)


def _agrees_batched(predict: Predict, batch: Sequence[Tensors], single: Sequence[Tensors]) -> bool:
    try:
        return _rows_agree(single, predict(join(batch)), len(batch))
    except Exception:  # noqa: BLE001  # Rows that the model takes one by one, and not together.
        return False


def _timed(predict: Predict, batch: Sequence[Tensors], clock: Callable[[], float]) -> float:
    started = clock()
    if len(batch) == 1:
        predict(batch[0])
    else:
        split(predict(join(batch)), [1] * len(batch))
    return max(clock() - started, 1e-9)


def _rows_agree(single: Sequence[Tensors], batch_executor: Tensors, size: int) -> bool:
    """Whether every row of a batch has the same result as in its single call; the single rows repeat in turn."""
    for index in range(min(size, len(single))):
        if single[index].keys() != batch_executor.keys():
            return False
        for name, single_row in single[index].items():
            batched_rows = batch_executor[name]
            if not single_row.shape or single_row.shape[0] != 1 or batched_rows.shape != (size, *single_row.shape[1:]):
                return False
            if not _values_agree(single_row, batched_rows[index :: len(single)]):
                return False
    return True


def _values_agree(single_row: npt.NDArray[Any], batched_rows: npt.NDArray[Any]) -> bool:
    if single_row.dtype.kind == "f":
        return bool(np.allclose(batched_rows, single_row, rtol=1e-5, atol=1e-7, equal_nan=True))
    return bool(np.all(batched_rows == single_row))
