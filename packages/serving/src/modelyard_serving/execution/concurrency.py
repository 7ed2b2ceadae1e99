"""Estimates whether calls arrive concurrently, from the sizes of recent batches. Pure counting; it holds no clock."""

_MIN_SINGLE_CALLS = 2
_PROBE_EVERY = 16


class ConcurrencyEstimator:
    """Collecting calls into a batch costs a turn of the event loop. After calls that arrived singly, only every
    sixteenth call is collected as a probe: sequential callers pay almost nothing, and concurrency is detected within
    sixteen calls."""

    __slots__ = ("_single_calls", "_skipped")

    def __init__(self) -> None:
        self._single_calls = 0
        self._skipped = 0

    def should_batch(self) -> bool:
        """Whether to collect the next call into a batch. Must be called once per call."""
        if self._single_calls < _MIN_SINGLE_CALLS:
            return True
        self._skipped += 1
        if self._skipped < _PROBE_EVERY:
            return False
        self._skipped = 0
        return True

    def record(self, calls: int) -> None:
        """Record the size of a collected batch."""
        self._single_calls = self._single_calls + 1 if calls == 1 else 0
