"""Estimates how long predictions of a model take, from past calls. Pure arithmetic; it holds no clock."""

import math

_BUCKETS = 64
_WEIGHT = 0.3
_MAX_GROWTH = 10.0
_SLOW_CALL_S = 0.05


class LatencyEstimator:
    """Expected seconds per call, by the power of two that the number of rows falls into: a moving average.

    A single delayed call must not make a model look slow, so a sample counts as at most ten times the estimate; a model
    that became slow is known after three or four calls. A call over `_SLOW_CALL_S` counts in full.
    """

    __slots__ = ("_seconds",)

    def __init__(self) -> None:
        self._seconds = [math.inf] * _BUCKETS

    def observe(self, *, rows: int, seconds: float) -> None:
        """Record one call."""
        bucket = min(rows.bit_length(), _BUCKETS - 1)
        known = self._seconds[bucket]
        if known == math.inf or seconds > _SLOW_CALL_S:
            self._seconds[bucket] = seconds
        else:
            self._seconds[bucket] = known + _WEIGHT * (min(seconds, known * _MAX_GROWTH) - known)

    def estimate(self, rows: int) -> float:
        """Estimated seconds of a call of `rows` rows; infinite while nothing is known."""
        bucket = min(rows.bit_length(), _BUCKETS - 1)
        seconds = self._seconds[bucket]
        return seconds if seconds != math.inf else self._extrapolate(bucket)

    def _extrapolate(self, bucket: int) -> float:
        """From the next smaller bucket as if time grew with the rows, or from a larger one as an upper bound."""
        for smaller in range(bucket - 1, -1, -1):
            if self._seconds[smaller] != math.inf:
                return float(self._seconds[smaller] * 2 ** (bucket - smaller))
        return min(self._seconds[bucket:])
