"""Containers that the engine has refused to make or to start: each is tried again later, and later each time."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from modelyard.errors import Unavailable

_FIRST_SECONDS, _MOST_SECONDS = 1.0, 30.0


@dataclass(frozen=True, slots=True)
class _Refusal:
    reason: str
    seconds: float
    """How long it is not tried again."""
    since: float


class Refusals:
    """By the names of containers. Forgotten with the process, which costs one more try."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[str, _Refusal] = {}

    def check(self, name: str) -> None:
        """Raises:
        Unavailable: code `engine_refused`: it was refused a moment ago, with the engine's reason.
        """
        known = self._known.get(name)
        if known is not None and self._clock() - known.since < known.seconds:
            raise Unavailable(known.reason, code="engine_refused")

    def note(self, name: str, reason: str) -> Unavailable:
        """Remember it; gives the error to raise."""
        known = self._known.get(name)
        seconds = _FIRST_SECONDS if known is None else min(2 * known.seconds, _MOST_SECONDS)
        self._known[name] = _Refusal(reason, seconds, self._clock())
        return Unavailable(reason, code="engine_refused")

    def forget(self, prefix: str) -> None:
        """Forget those whose names begin so."""
        for name in [name for name in list(self._known) if name.startswith(prefix)]:
            self._known.pop(name, None)
