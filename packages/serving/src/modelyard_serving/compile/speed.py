"""How long two models take for the same rows, side by side, so that a busy machine slows both."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from modelyard_serving.compile.rows import select_rows
from modelyard_serving.runtimes.base import Model, Tensors

BATCHES = (1, 100)
_ROUNDS = 7
_SECONDS_OF_A_ROUND = 0.02

Clock = Callable[[], float]
Measure = Callable[[Model, Model, Tensors], "list[Speed]"]


@dataclass(frozen=True, slots=True)
class Speed:
    """Seconds of one prediction of `rows` rows: the best of several rounds."""

    rows: int
    original_s: float
    compiled_s: float

    @property
    def ratio(self) -> float:
        return self.original_s / self.compiled_s


def measure(original: Model, compiled: Model, rows: Tensors, *, clock: Clock = time.perf_counter) -> list[Speed]:
    """Both models on each size of batch, in turns."""
    count = len(next(iter(rows.values())))
    return [
        _measure(original, compiled, select_rows(rows, [row % count for row in range(size)]), size=size, clock=clock)
        for size in BATCHES
    ]


def _measure(original: Model, compiled: Model, rows: Tensors, *, size: int, clock: Clock) -> Speed:
    best = [float("inf"), float("inf")]
    for _ in range(_ROUNDS):
        for index, model in enumerate((original, compiled)):
            best[index] = min(best[index], _once(model, rows, clock))
    return Speed(rows=size, original_s=best[0], compiled_s=best[1])


def _once(model: Model, rows: Tensors, clock: Clock) -> float:
    """Seconds of a prediction, as the mean of as many as fit into a round."""
    start, calls = clock(), 0
    while (spent := clock() - start) < _SECONDS_OF_A_ROUND or not calls:
        model.predict(rows)
        calls += 1
    return spent / calls
