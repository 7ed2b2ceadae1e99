"""Connections to servers that somebody else named. The address is checked where the connection is made, so no second
look-up can change it."""

import asyncio
import socket
import ssl
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import httpcore

from modelyard.adapters.receiver.address import AddressRule

REFUSED = "the server's address is not public, and no network that the operator allows holds it"
_Options = Iterable[tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]]


class AddressRefused(httpcore.ConnectError):
    """No address of the name may be connected to."""


class NameUnknown(httpcore.ConnectError):
    """The name has no address."""


class GuardedNetwork(httpcore.AsyncNetworkBackend):
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
            raise AddressRefused(REFUSED)
        failure: Exception | None = None
        for address in permitted:
            try:
                return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as exc:
                failure = exc
        raise failure or AddressRefused(REFUSED)

    async def _addresses(self, host: str, port: int) -> list[str]:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(self._lookups, look_up, host, port)
        except (OSError, UnicodeError) as exc:
            raise NameUnknown("the server's name has no address") from exc
        return list(dict.fromkeys(found))

    async def sleep(self, seconds: float) -> None:
        """See the base class."""
        await asyncio.sleep(seconds)


def connect_error(error: Exception) -> str:
    """Why nobody could be connected to."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"the server's certificate is not trusted: {cause.verify_message}"
        if isinstance(cause, ssl.SSLError):
            return "the server does not speak TLS as we do"
        cause = cause.__cause__ or cause.__context__
    return "nobody answers at the server's address"


def look_up(host: str, port: int) -> list[str]:
    """The addresses of a name."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
