"""What runs need to know of a process, and do to it."""

import signal
from typing import Protocol


class Process(Protocol):
    """A process. What is asked of one that is gone is answered as if there were nothing."""

    @property
    def pid(self) -> int:
        """Its id."""

    def resident_bytes(self) -> int:
        """Its resident memory."""

    def environment(self) -> list[bytes]:
        """The values of its variables; none where they cannot be read."""

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, and no other process that has got its id meanwhile."""
