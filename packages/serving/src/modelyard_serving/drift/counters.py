"""Counts what a worker gets and answers in the bins of the training data's profile, off the requests' path.

A request only leaves its tensors here. Twice a second a thread counts what was left, in one piece, and adds it to the
worker's row of the shared metrics. Of more rows than fit between two such moments it counts a sample, so its cost and
memory are bounded whatever comes.
"""

from collections.abc import Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt

from modelyard_serving.drift.binning import Binning
from modelyard_serving.drift.profile import Feature, Profile, Side
from modelyard_serving.metrics.cells import DRIFT_COUNTERS, DRIFT_PROFILE, DRIFT_START, Row
from modelyard_serving.runtimes.base import Tensors

MOST_ROWS = 256
"""Kept between two flushes."""
MOST_BYTES = 1 << 20
"""Of the requests that the kept rows came in."""

Kept = tuple[Tensors, Tensors, int]
"""Inputs and outputs of a request, and of which number of rows all are taken."""


class DriftCounters:
    """Writes the counters of one row of the shared metrics. All but the counting happens on the event loop's thread."""

    def __init__(self, profile: Profile, cells: Row, *, inputs: Collection[str]) -> None:
        """`inputs` are all names that a request may bring; those without a profile are never kept."""
        self._cells = cells
        self._bins = _binned(profile)
        self._names = {side: frozenset(name for one, name in self._bins if one is side) for side in Side}
        self._selects_inputs = not self._names[Side.INPUT].issuperset(inputs)
        self._kept: list[Kept] = []
        self._rows_left, self._bytes_left = MOST_ROWS, MOST_BYTES
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="drift")
        self._counting: Future[None] | None = None
        _claim(cells, profile)

    def add(self, inputs: Tensors, outputs: Tensors, size: int) -> None:
        """Keep the rows of an answered request until they are counted; `size` is that of the request in bytes."""
        if self._rows_left <= 0:
            return
        rows = _rows(inputs)
        if rows > self._rows_left:
            inputs, outputs, rows, size = self._sampled(inputs, outputs, rows, size)
        if size > self._bytes_left:
            return
        self._rows_left -= rows
        self._bytes_left -= size
        if self._selects_inputs:
            inputs = {name: array for name, array in inputs.items() if name in self._names[Side.INPUT]}
        if not self._names[Side.OUTPUT].issuperset(outputs):
            outputs = {name: array for name, array in outputs.items() if name in self._names[Side.OUTPUT]}
        self._kept.append((inputs, outputs, rows))

    def _sampled(self, inputs: Tensors, outputs: Tensors, rows: int, size: int) -> tuple[Tensors, Tensors, int, int]:
        """Rows at even distances of a request that has more than can be kept, copied: the request's memory goes."""
        step = -(-rows // self._rows_left)
        taken = -(-rows // step)
        kept_inputs, kept_outputs = (
            {
                name: array[::step].copy()
                for name, array in tensors.items()
                if name in self._names[side] and array.shape[:1] == (rows,)
            }
            for side, tensors in ((Side.INPUT, inputs), (Side.OUTPUT, outputs))
        )
        return kept_inputs, kept_outputs, taken, size * taken // rows

    def flush(self) -> None:
        """Have the thread count what was kept, unless it is still counting: then nothing more is kept either."""
        if not self._kept or (self._counting is not None and not self._counting.done()):
            return
        kept, self._kept = self._kept, []
        self._rows_left, self._bytes_left = MOST_ROWS, MOST_BYTES
        self._counting = self._thread.submit(self._count, kept)

    def close(self) -> None:
        """Count what is left. Waits for the thread, for milliseconds."""
        self.wait()
        self.flush()
        self._thread.shutdown(wait=True)

    def wait(self) -> None:
        """Wait until what was flushed is counted."""
        if self._counting is not None:
            self._counting.result()

    def _count(self, kept: Sequence[Kept]) -> None:
        rows = [each[2] for each in kept]
        tensors = {Side.INPUT: [each[0] for each in kept], Side.OUTPUT: [each[1] for each in kept]}
        for (side, name), columns in self._bins.items():
            for together in _joined([each.get(name) for each in tensors[side]], rows):
                self._count_tensor(columns, together)

    def _count_tensor(self, columns: "Sequence[_Column]", array: npt.NDArray[Any]) -> None:
        flat = array.reshape(array.shape[0], -1)
        for column in columns:
            if column.index < flat.shape[1]:
                counts = column.binning.count(flat[:, column.index])
                for cell in np.flatnonzero(counts):
                    self._cells[column.start + int(cell)] += float(counts[cell])


class _Column:
    """Where a feature's values come from and where its counters are."""

    __slots__ = ("binning", "index", "start")

    def __init__(self, feature: Feature, start: int) -> None:
        self.binning = Binning(feature)
        self.index = feature.column or 0
        self.start = start


def read_counters(rows: Sequence[Row], profile: Profile) -> list[list[int]]:
    """For each feature the counts of its bins, of missing values and of unseen ones, of all workers together."""
    mine = [row for row in rows if row[DRIFT_PROFILE] == _number(profile)]
    found, start = [], DRIFT_START
    for feature in profile.features:
        end = start + feature.cell_count
        found.append([int(sum(row[cell] for row in mine)) for cell in range(start, end)])
        start = end
    return found


def _claim(cells: Row, profile: Profile) -> None:
    """A row continues what the worker before counted, unless that was in other bins."""
    if cells[DRIFT_PROFILE] != _number(profile):
        for cell in range(DRIFT_START, DRIFT_START + DRIFT_COUNTERS):
            if cells[cell]:
                cells[cell] = 0.0
        cells[DRIFT_PROFILE] = _number(profile)


def _number(profile: Profile) -> float:
    """The digest's beginning, as a number that a cell holds exactly."""
    return float(int(profile.digest[:12], 16))


def _binned(profile: Profile) -> dict[tuple[Side, str], list[_Column]]:
    """The columns of each tensor."""
    found: dict[tuple[Side, str], list[_Column]] = {}
    start = DRIFT_START
    for feature in profile.features:
        found.setdefault((feature.side, feature.tensor), []).append(_Column(feature, start))
        start += feature.cell_count
    return found


def _rows(inputs: Tensors) -> int:
    """The first dimension of the first tensor that has one."""
    for array in inputs.values():
        if array.shape:
            return int(array.shape[0])
    return 1


def _joined(arrays: Sequence[npt.NDArray[Any] | None], rows: Sequence[int]) -> list[npt.NDArray[Any]]:
    """A tensor of many requests in one piece; in several where its type or shape was not the same in all of them.

    A request without the tensor, or with another number of rows in it than in its first, is left out.
    """
    present = [array for array in arrays if array is not None]
    if len(present) == len(rows):
        try:
            together = np.concatenate(present, dtype=present[0].dtype, casting="no")
            if together.shape[0] == sum(rows):
                return [together]
        except (TypeError, ValueError):
            pass  # They are not alike.
    alike: dict[tuple[Any, ...], list[npt.NDArray[Any]]] = {}
    for array, count in zip(arrays, rows, strict=True):
        if array is not None and array.shape[:1] == (count,):
            alike.setdefault((array.dtype, array.shape[1:]), []).append(array)
    return [np.concatenate(each) for each in alike.values()]
