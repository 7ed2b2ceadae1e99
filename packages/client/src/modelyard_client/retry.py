"""When a request is sent again, and after how long. It decides; the transport acts."""

import random
from dataclasses import dataclass, field

import httpx

_REFUSED_FOR_NOW = frozenset({429, 502, 503, 504})
_NOTHING_WAS_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


@dataclass(frozen=True, slots=True)
class Retry:
    """A few attempts with growing pauses.

    A request that may be repeated (a read, a change that gives the same whether done once or twice, or one with an
    idempotency key) is sent again when the connection fails or the server refuses it for now. Any other is sent again
    only if it surely never left.
    """

    attempts: int = 4
    first_pause: float = 0.1
    max_pause: float = 5.0
    chance: random.Random = field(default_factory=random.Random, repr=False)

    def after_error(self, error: httpx.TransportError, *, attempt: int, is_repeatable: bool) -> float | None:
        """Seconds until the next attempt after a failed one; None to give up. Attempts count from 1."""
        if attempt >= self.attempts:
            return None
        if not is_repeatable and not isinstance(error, _NOTHING_WAS_SENT):
            return None
        return self._pause(attempt)

    def after_answer(self, response: httpx.Response, *, attempt: int, is_repeatable: bool) -> float | None:
        """Seconds until the next attempt after an answer; None to take the answer.

        A server that asks for more patience than `max_pause` is taken at its word: the caller hears its refusal.
        """
        if attempt >= self.attempts or not is_repeatable or response.status_code not in _REFUSED_FOR_NOW:
            return None
        asked = _retry_after(response)
        if asked is None:
            return self._pause(attempt)
        return asked if asked <= self.max_pause else None

    def _pause(self, attempt: int) -> float:
        pause = min(self.first_pause * 2.0 ** (attempt - 1), self.max_pause)
        return pause * self.chance.uniform(0.75, 1.25)


def _retry_after(response: httpx.Response) -> float | None:
    try:
        return max(0.0, float(response.headers["retry-after"]))
    except (KeyError, ValueError):
        return None
