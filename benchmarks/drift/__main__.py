"""What drift costs a model server: `python -m benchmarks.drift`, half a minute, no server needed.

For each kind of input it prints what a request of one row pays on the event loop, and what the thread pays a row
afterwards. A request shall pay less than 1 µs (`docs/decisions/0733-…`); the exit code is 1 when it pays more.
"""

import sys
import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

import numpy as np

from modelyard_serving.drift.counters import MOST_ROWS, DriftCounters
from modelyard_serving.drift.training import profile_of
from modelyard_serving.metrics.shared_memory import SharedMetrics, make_metrics_file
from modelyard_serving.runtimes.base import Tensors

FEATURES = 30
OWED_US = 1.0
_ROUNDS = 200
_COLOURS = np.array(["red", "green", "blue", "yellow"], dtype=object)


def _matrix(rows: int) -> Tensors:
    return {"input": np.random.default_rng(1).normal(size=(rows, FEATURES))}


def _frame(rows: int) -> Tensors:
    return {f"c{index}": column.copy() for index, column in enumerate(_matrix(rows)["input"].T)}


def _categories(rows: int) -> Tensors:
    random = np.random.default_rng(2)
    return {f"c{index}": random.choice(_COLOURS, rows) for index in range(FEATURES)}


KINDS: Sequence[tuple[str, Callable[[int], Tensors]]] = (
    (f"a matrix of {FEATURES} numbers", _matrix),
    (f"a frame of {FEATURES} numbers", _frame),
    (f"a frame of {FEATURES} texts", _categories),
)


def measure(make: Callable[[int], Tensors]) -> tuple[float, float]:
    """Microseconds of a request of one row on the event loop, and of a row in the thread: medians of many rounds."""
    training = make(5_000)
    answers = {"predictions": np.random.default_rng(3).normal(size=5_000)}
    row = SharedMetrics(make_metrics_file()).row(0)
    counters = DriftCounters(profile_of(training, answers, rows=5_000), row, inputs=list(training))
    requests = [_row(training, index) for index in range(MOST_ROWS)]
    outputs = [_row(answers, index) for index in range(MOST_ROWS)]
    added, counted = list[float](), list[float]()
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        for inputs, output in zip(requests, outputs, strict=True):
            counters.add(inputs, output, 300)
        kept = time.perf_counter()
        counters.flush()
        counters.wait()
        added.append((kept - started) / MOST_ROWS * 1e6)
        counted.append((time.perf_counter() - kept) / MOST_ROWS * 1e6)
    counters.close()
    return median(added), median(counted)


def _row(tensors: Tensors, index: int) -> dict[str, Any]:
    return {name: array[index : index + 1].copy() for name, array in tensors.items()}


def main() -> int:
    """Print a line for each kind of input."""
    print(f"{'one row':28} {'on the loop':>12} {'in the thread':>14}")
    is_kept = True
    for name, make in KINDS:
        added, counted = measure(make)
        is_kept &= added < OWED_US
        print(f"{name:28} {added:>9.2f} µs {counted:>11.2f} µs")
    return 0 if is_kept else 1


if __name__ == "__main__":
    sys.exit(main())
