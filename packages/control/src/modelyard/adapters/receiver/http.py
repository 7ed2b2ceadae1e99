"""Receivers over HTTP, at addresses that are checked where the connection is made."""

import asyncio
import ssl
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

import httpcore

from modelyard import __version__
from modelyard.adapters.receiver.address import AddressRule, Network
from modelyard.adapters.receiver.network import (
    REFUSED,
    AddressRefused,
    GuardedNetwork,
    NameUnknown,
    connect_error,
    look_up,
)
from modelyard.ports.receiver import Reply

_CONNECT_SECONDS = 5.0
_MOST_READ = 64 * 1024
_LOOKUPS_AT_ONCE = 32
_LOOKUP_SECONDS = 3.0
_PLAIN_REFUSED = (
    "expected an address with https: without encryption only networks that the operator allows are posted to"
)
_PRIVATE_REFUSED = "the receiver's name is one of this machine or a private network, so it cannot be posted to"
_PRIVATE_NAMES = ("localhost", "local", "internal", "lan", "home.arpa", "intranet", "private", "corp", "home")
"""Names that no public resolver answers (RFC 6761, 6762, 8375), and those that networks use like them."""
_RETRY_LATER = frozenset({429, 503})


class HttpReceivers:
    """The port `Receivers`. All its posts are made on one event loop."""

    def __init__(
        self, *, allowed: Sequence[Network] = (), seconds: float = 10.0, authorities: Path | None = None
    ) -> None:
        self._seconds = seconds
        self._rules = {
            "https": AddressRule(allowed),
            "http": AddressRule(allowed, is_public_allowed=False),
        }
        self._lookups = ThreadPoolExecutor(_LOOKUPS_AT_ONCE, thread_name_prefix="receiver-names")
        self._trust = ssl.create_default_context(cafile=authorities)
        self._pools: dict[str, httpcore.AsyncConnectionPool] = {}

    def refusal(self, url: str) -> str | None:
        """See the port."""
        parts = urlsplit(url)
        rule = self._rules[parts.scheme]
        if not rule.allowed and not rule.is_public_allowed:
            return _PLAIN_REFUSED
        host = parts.hostname or ""
        is_literal = ":" in host or host.replace(".", "").isdigit()
        addresses = [host] if is_literal else self._look_up_soon(host)
        if addresses:
            return None if any(rule.permits(address) for address in addresses) else REFUSED
        return _PRIVATE_REFUSED if _is_private_name(host) and not rule.allowed else None

    async def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> Reply:
        """See the port."""
        began = time.monotonic()
        code, error, retry_after = None, None, None
        try:
            async with asyncio.timeout(self._seconds):
                code, retry_after = await self._exchange(url, headers, body)
        except (TimeoutError, httpcore.TimeoutException):
            error = f"the receiver did not answer within {self._seconds:g} s"
        except (AddressRefused, NameUnknown) as exc:
            error = str(exc)
        except httpcore.ConnectError as exc:
            error = connect_error(exc)
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError, ValueError) as exc:
            error = f"the connection to the receiver broke: {type(exc).__name__}"
        if code is not None and 300 <= code < 400:
            error = f"the receiver answered {code}: redirects are not followed"
        elapsed = int((time.monotonic() - began) * 1000)
        return Reply(code=code, milliseconds=elapsed, error=error, retry_after=retry_after)

    def _look_up_soon(self, host: str) -> list[str]:
        """The name's addresses; none where it has none, or where nobody says so in time."""
        lookup = self._lookups.submit(look_up, host, 0)
        try:
            return lookup.result(timeout=_LOOKUP_SECONDS)
        except (TimeoutError, OSError, UnicodeError):
            return []

    async def close(self) -> None:
        """See the port."""
        for pool in self._pools.values():
            await pool.aclose()
        self._pools.clear()
        self._lookups.shutdown(wait=False, cancel_futures=True)

    async def _exchange(self, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, timedelta | None]:
        parts = urlsplit(url)
        header_fields = {
            "Host": parts.netloc,
            "User-Agent": f"modelyard/{__version__}",
            "Content-Length": str(len(body)),
            **headers,
        }
        timeout = {"connect": _CONNECT_SECONDS, "read": self._seconds, "write": self._seconds}
        pool = self._pool(parts.scheme)
        async with pool.stream(
            "POST",
            url,
            headers=[(name.encode(), value.encode()) for name, value in header_fields.items()],
            content=body,
            extensions={"timeout": timeout},
        ) as response:
            size = 0
            async for chunk in response.aiter_stream():
                size += len(chunk)
                if size > _MOST_READ:
                    break
            return response.status, _retry_after(response)

    def _pool(self, scheme: str) -> httpcore.AsyncConnectionPool:
        if scheme not in self._pools:
            self._pools[scheme] = httpcore.AsyncConnectionPool(
                ssl_context=self._trust,
                max_connections=None,  # The dispatcher bounds them.
                max_keepalive_connections=64,
                keepalive_expiry=15.0,
                network_backend=GuardedNetwork(self._rules[scheme], self._lookups),
            )
        return self._pools[scheme]


def _is_private_name(host: str) -> bool:
    name = host.lower().rstrip(".")
    return "." not in name or name.endswith(tuple(f".{suffix}" for suffix in _PRIVATE_NAMES))


def _retry_after(response: httpcore.Response) -> timedelta | None:
    """How long the receiver asks us to wait: seconds, or a date."""
    if response.status not in _RETRY_LATER:
        return None
    given = next((value.decode("latin-1") for name, value in response.headers if name.lower() == b"retry-after"), "")
    if given.isascii() and given.isdigit() and len(given) < 10:
        return timedelta(seconds=int(given))
    try:
        until = parsedate_to_datetime(given)
    except ValueError:
        return None
    zoned = until if until.tzinfo is not None else until.replace(tzinfo=UTC)
    return max(timedelta(0), zoned - datetime.now(UTC))
