"""Whether calls come alone or in company, learnt from those that were gathered. Pure counting; it holds no clock."""

_MIN_SINGLE_CALLS = 2
_PROBE_EVERY = 16


class ConcurrencyEstimator:
    """To gather calls costs a turn of the event loop. Where the last ones came alone only every sixteenth is gathered,
    to see whether that still is so: a lonely caller pays next to nothing, and a crowd is noticed within sixteen."""

    __slots__ = ("_single_calls", "_skipped")

    def __init__(self) -> None:
        self._single_calls = 0
        self._skipped = 0

    def should_batch(self) -> bool:
        """Whether to gather the next call. To be asked once for each."""
        if self._single_calls < _MIN_SINGLE_CALLS:
            return True
        self._skipped += 1
        if self._skipped < _PROBE_EVERY:
            return False
        self._skipped = 0
        return True

    def record(self, calls: int) -> None:
        """So many calls were gathered in one turn."""
        self._single_calls = self._single_calls + 1 if calls == 1 else 0
