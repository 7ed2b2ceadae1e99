"""Whether calls come alone or in company, learnt from those that were gathered. Pure counting; it holds no clock."""

_ENOUGH = 2
_PROBE_EVERY = 16


class Company:
    """To gather calls costs a turn of the event loop. Where the last ones came alone only every sixteenth is gathered,
    to see whether that still is so: a lonely caller pays next to nothing, and a crowd is noticed within sixteen."""

    __slots__ = ("_alone", "_unseen")

    def __init__(self) -> None:
        self._alone = 0
        self._unseen = 0

    def is_expected(self) -> bool:
        """Whether to gather the next call. To be asked once for each."""
        if self._alone < _ENOUGH:
            return True
        self._unseen += 1
        if self._unseen < _PROBE_EVERY:
            return False
        self._unseen = 0
        return True

    def met(self, calls: int) -> None:
        """So many calls were gathered in one turn."""
        self._alone = self._alone + 1 if calls == 1 else 0
