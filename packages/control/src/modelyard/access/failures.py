"""Failed logins of the last minute, in this process's memory: how many there were from where, and with what.

Each process counts for itself, so a stack of N processes lets up to N times as many through.
"""

import ipaddress
import threading
from collections import OrderedDict, deque
from datetime import datetime, timedelta
from functools import lru_cache

from modelyard.errors import Busy
from modelyard.ports.clock import Clock

_WINDOW = timedelta(minutes=1)
_MOST_KEYS = 10_000
_IPV6_NETWORK = 64


class FailedLogins:
    """A sliding window for each key, of at most `most` failures.

    The keys that failed longest ago are forgotten beyond ten thousand, so nobody fills the memory.
    """

    def __init__(self, *, clock: Clock, most: int) -> None:
        self._clock = clock
        self._most = most
        self._lock = threading.Lock()
        self._failures: OrderedDict[str, deque[datetime]] = OrderedDict()

    def refuse(self, key: str) -> None:
        """Raise when the key has used up its failures.

        Raises:
            Busy: code `too_many_failed_logins`, with when the next try is let in.
        """
        now = self._clock.now()
        with self._lock:
            failures = self._recent(key, now)
            if len(failures) < self._most:
                return
            wait = (failures[-self._most] + _WINDOW - now).total_seconds()
        raise Busy(
            f"too many failed logins: more than {self._most} in a minute",
            code="too_many_failed_logins",
            retry_after_seconds=wait,
        )

    def note(self, key: str) -> None:
        """Count a failure."""
        now = self._clock.now()
        with self._lock:
            failures = self._recent(key, now)
            failures.append(now)
            self._failures[key] = failures
            self._failures.move_to_end(key)
            while len(self._failures) > _MOST_KEYS:
                self._failures.popitem(last=False)

    def _recent(self, key: str, now: datetime) -> deque[datetime]:
        failures = self._failures.get(key, deque(maxlen=self._most))
        while failures and failures[0] <= now - _WINDOW:
            failures.popleft()
        return failures


@lru_cache(maxsize=_MOST_KEYS)
def address_key(address: str | None) -> str:
    """The key of an address. Whoever has one IPv6 address has the whole network of it, so that counts as one."""
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return f"address:{address}"
    if isinstance(parsed, ipaddress.IPv4Address):
        return f"address:{parsed}"
    if parsed.ipv4_mapped is not None:
        return f"address:{parsed.ipv4_mapped}"
    return f"address:{ipaddress.ip_network((parsed, _IPV6_NETWORK), strict=False)}"
