"""What to log of a fault that lasts and is met again with every pass: its beginning, a change of its reason, a reminder
now and then, and its end."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

_REMINDER_SECONDS = 600.0
_CHANGE_SECONDS = 30.0
"""Reasons may differ each time, by a port or an address in memory."""


@dataclass(slots=True)
class _Fault:
    reason: str
    logged_at: float


class RepeatedWarnings:
    """Faults by their subject. Safe from several threads."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = Lock()
        self._faults: dict[str, _Fault] = {}

    def is_due(self, subject: str, reason: str) -> bool:
        """Whether this fault of the subject is to be logged now."""
        now = self._monotonic()
        with self._lock:
            known = self._faults.get(subject)
            if known is not None:
                wait = _REMINDER_SECONDS if known.reason == reason else _CHANGE_SECONDS
                if now - known.logged_at < wait:
                    return False
            self._faults[subject] = _Fault(reason, now)
            return True

    def has_ended(self, subject: str) -> bool:
        """Note that the subject is well; whether it was not before."""
        with self._lock:
            return self._faults.pop(subject, None) is not None
