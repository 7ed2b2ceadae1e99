"""Records a worker's metrics: a few additions for each request, on the event loop's thread."""

import time
from bisect import bisect_left

from modelyard_serving.metrics.cells import (
    BATCHES,
    IN_FLIGHT,
    IS_USED,
    LAST_INFERENCE_MS,
    LOG_DROPPED,
    PHASES,
    QUEUED,
    ROWS,
    RSS_BYTES,
    SECONDS,
    TOTALS,
    Outcome,
    Phase,
    Row,
)

_SUCCESS_CELLS = tuple(cells.start for cells in (TOTALS[Outcome.OK], *(PHASES[phase] for phase in Phase)))
"""The first cells of the histograms of a successful request: its total time, and the phases in their order."""
_SUM = len(SECONDS) + 1


class Recorder:
    """Writes one row of the shared metrics, or private memory in tests."""

    def __init__(self, cells: Row) -> None:
        self._cells = cells
        cells[IS_USED] = 1.0

    @property
    def cells(self) -> Row:
        """The whole row, for who counts something else in it."""
        return self._cells

    def record_success(
        self, *, total_s: float, queue_s: float, decode_s: float, compute_s: float, encode_s: float
    ) -> None:
        """Record a successful request."""
        cells = self._cells
        for start, seconds in zip(_SUCCESS_CELLS, (total_s, queue_s, decode_s, compute_s, encode_s), strict=True):
            cells[start + bisect_left(SECONDS, seconds)] += 1.0
            cells[start + _SUM] += seconds
        cells[LAST_INFERENCE_MS] = time.time() * 1000

    def record_failure(self, outcome: Outcome, *, total_s: float) -> None:
        """Record a failed request."""
        start = TOTALS[outcome].start
        self._cells[start + bisect_left(SECONDS, total_s)] += 1.0
        self._cells[start + _SUM] += total_s

    def record_execution(self, rows: int) -> None:
        """Record one call of the model with `rows` rows."""
        self._cells[BATCHES.start + bisect_left(ROWS, rows)] += 1.0
        self._cells[BATCHES.sum] += rows

    def record_log_dropped(self) -> None:
        """Count a request that the request log dropped."""
        self._cells[LOG_DROPPED] += 1.0

    def set_gauges(self, *, in_flight: int, queued: int, rss_bytes: int) -> None:
        """Set the gauges of this worker."""
        self._cells[IN_FLIGHT] = in_flight
        self._cells[QUEUED] = queued
        self._cells[RSS_BYTES] = rss_bytes
