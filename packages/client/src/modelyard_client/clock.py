"""Time as a part that is passed in, so that waiting is tested without waiting."""

import time
from typing import Protocol


class Clock(Protocol):
    """Seconds that only go forward, and a way to let them pass."""

    def now(self) -> float:
        """Seconds since an unknown moment; never goes back."""

    def sleep(self, seconds: float) -> None:
        """Returns when the seconds have passed."""


class SystemClock:
    """The machine's own."""

    def now(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)
