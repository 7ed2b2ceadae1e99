"""Receivers over HTTP. The address is checked where the connection is made, so no second look-up can change it."""

import asyncio
import socket
import ssl
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

import httpcore

from modelyard import __version__
from modelyard.adapters.receiver.address import AddressRule, Network
from modelyard.ports.receiver import Reply

_CONNECT_SECONDS = 5.0
_MOST_READ = 64 * 1024
_LOOKUPS_AT_ONCE = 32
_LOOKUP_SECONDS = 3.0
_REFUSED = "the receiver's address is not public, and no network that the operator allows holds it"
_PLAIN_REFUSED = (
    "expected an address with https: without encryption only networks that the operator allows are posted to"
)
_PRIVATE_REFUSED = "the receiver's name is one of this machine or a private network, so it cannot be posted to"
_PRIVATE_NAMES = ("localhost", "local", "internal", "lan", "home.arpa", "intranet", "private", "corp", "home")
"""Names that no public resolver answers (RFC 6761, 6762, 8375), and those that networks use like them."""
_RETRY_LATER = frozenset({429, 503})
_Options = Iterable[tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]]


class _AddressRefused(httpcore.ConnectError):
    """No address of the receiver's name may be connected to."""


class _NameUnknown(httpcore.ConnectError):
    """The receiver's name has no address."""


class _GuardedNetwork(httpcore.AsyncNetworkBackend):
    """Looks a name up, checks the addresses, and connects to one that was checked. TLS goes on with the name."""

    def __init__(self, rule: AddressRule, lookups: ThreadPoolExecutor) -> None:
        self._rule = rule
        self._lookups = lookups
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the base class's
        local_address: str | None = None,
        socket_options: _Options | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first of the name's permitted addresses that answers."""
        addresses = await self._addresses(host, port)
        permitted = [address for address in addresses if self._rule.permits(address)]
        if not permitted:
            raise _AddressRefused(_REFUSED)
        failure: Exception | None = None
        for address in permitted:
            try:
                return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as exc:
                failure = exc
        raise failure or _AddressRefused(_REFUSED)

    async def _addresses(self, host: str, port: int) -> list[str]:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(self._lookups, _look_up, host, port)
        except (OSError, UnicodeError) as exc:
            raise _NameUnknown("the receiver's name has no address") from exc
        return list(dict.fromkeys(found))

    async def sleep(self, seconds: float) -> None:
        """See the base class."""
        await asyncio.sleep(seconds)


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
            return None if any(rule.permits(address) for address in addresses) else _REFUSED
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
        except (_AddressRefused, _NameUnknown) as exc:
            error = str(exc)
        except httpcore.ConnectError as exc:
            error = _connect_error(exc)
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError, ValueError) as exc:
            error = f"the connection to the receiver broke: {type(exc).__name__}"
        if code is not None and 300 <= code < 400:
            error = f"the receiver answered {code}: redirects are not followed"
        elapsed = int((time.monotonic() - began) * 1000)
        return Reply(code=code, milliseconds=elapsed, error=error, retry_after=retry_after)

    def _look_up_soon(self, host: str) -> list[str]:
        """The name's addresses; none where it has none, or where nobody says so in time."""
        lookup = self._lookups.submit(_look_up, host, 0)
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
                network_backend=_GuardedNetwork(self._rules[scheme], self._lookups),
            )
        return self._pools[scheme]


def _look_up(host: str, port: int) -> list[str]:
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def _is_private_name(host: str) -> bool:
    name = host.lower().rstrip(".")
    return "." not in name or name.endswith(tuple(f".{suffix}" for suffix in _PRIVATE_NAMES))


def _connect_error(error: Exception) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"the receiver's certificate is not trusted: {cause.verify_message}"
        if isinstance(cause, ssl.SSLError):
            return "the receiver does not speak TLS as we do"
        cause = cause.__cause__ or cause.__context__
    return "nobody answers at the receiver's address"


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
