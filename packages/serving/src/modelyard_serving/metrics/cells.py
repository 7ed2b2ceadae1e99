"""The layout of a worker's row in the shared memory. Pure: it defines offsets and holds no memory."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from modelyard_serving.errors import Kind

SECONDS = (
    *(0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)
"""Upper bounds of the buckets of durations: a compiled model answers in a tenth of a millisecond."""
ROWS = tuple(float(2**power) for power in range(13))
"""Upper bounds of the buckets of batch sizes: 1 to 4096."""


Row: TypeAlias = "memoryview[float]"
"""One worker's cells in memory."""


class Outcome(StrEnum):
    """How a request ended: answered, or one of the kinds of errors."""

    OK = "ok"
    INVALID = Kind.INVALID
    FORBIDDEN = Kind.FORBIDDEN
    NOT_FOUND = Kind.NOT_FOUND
    TOO_LARGE = Kind.TOO_LARGE
    UNSUPPORTED = Kind.UNSUPPORTED
    BUSY = Kind.BUSY
    UNAVAILABLE = Kind.UNAVAILABLE
    TIMEOUT = Kind.TIMEOUT
    INTERNAL = Kind.INTERNAL
    CANCELLED = "cancelled"
    """Its caller went away."""


REJECTIONS = (Outcome.BUSY, Outcome.UNAVAILABLE, Outcome.TIMEOUT, Outcome.TOO_LARGE)
"""Outcomes of requests that may be right but were not computed."""


class Phase(StrEnum):
    """A part of an answered request's time."""

    QUEUE = "queue"
    DECODE = "decode"
    COMPUTE = "compute"
    ENCODE = "encode"


@dataclass(frozen=True, slots=True)
class HistogramCells:
    """One cell for each bucket, one for what is over the last bound, and one for the sum."""

    start: int
    bounds: tuple[float, ...]

    @property
    def sum(self) -> int:
        return self.start + len(self.bounds) + 1

    @property
    def end(self) -> int:
        return self.sum + 1


def _histograms(start: int, count: int, bounds: tuple[float, ...]) -> list[HistogramCells]:
    size = len(bounds) + 2
    return [HistogramCells(start + index * size, bounds) for index in range(count)]


IS_USED, IN_FLIGHT, QUEUED, RSS_BYTES, LAST_INFERENCE_MS, LOG_DROPPED = range(6)
GAUGES = (IN_FLIGHT, QUEUED, RSS_BYTES)
"""Cells that say how it is now: they mean nothing when the worker is gone."""
TOTALS = dict(zip(Outcome, _histograms(LOG_DROPPED + 1, len(Outcome), SECONDS), strict=True))
"""The whole time of a request, by its outcome."""
PHASES = dict(zip(Phase, _histograms(TOTALS[Outcome.CANCELLED].end, len(Phase), SECONDS), strict=True))
BATCHES = HistogramCells(PHASES[Phase.ENCODE].end, ROWS)
"""Rows of each call of the model."""
DRIFT_PROFILE = BATCHES.end
"""Which profile the counters of drift belong to, as a number; 0 for none."""
DRIFT_START = DRIFT_PROFILE + 1
DRIFT_COUNTERS = 4096
"""Counters of the features of a profile, one after the other."""
CELLS = DRIFT_START + DRIFT_COUNTERS
"""How many cells a row has. Those that are never written take no memory."""
