"""The time, as a port, so that tests do not sleep."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """The time of day, and waiting for it to pass."""

    def now(self) -> datetime:
        """The present time, in UTC and aware of it."""

    def sleep(self, seconds: float) -> None:
        """Wait. Blocks the calling thread; call it from a job's thread only."""
