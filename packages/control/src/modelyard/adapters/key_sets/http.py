"""Key sets over HTTP, at addresses that are checked where the connection is made."""

import asyncio
import ssl
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

import httpcore

from modelyard import __version__
from modelyard.adapters.receiver.address import AddressRule, Network
from modelyard.adapters.receiver.network import AddressRefused, GuardedNetwork, NameUnknown, connect_error
from modelyard.errors import Unavailable

_SECONDS = 10.0
_MOST_READ = 256 * 1024
_LOOKUPS_AT_ONCE = 8


class HttpKeySets:
    """The port `KeySets`.

    Args:
        allowed: networks that may be connected to besides public addresses, also without encryption.
        authorities: certificates that are trusted besides the system's.
    """

    def __init__(self, *, allowed: Sequence[Network] = (), authorities: Path | None = None) -> None:
        self._rules = {"https": AddressRule(allowed), "http": AddressRule(allowed, is_public_allowed=False)}
        self._trust = ssl.create_default_context()
        if authorities is not None:
            self._trust.load_verify_locations(cafile=authorities)
        self._lookups = ThreadPoolExecutor(_LOOKUPS_AT_ONCE, thread_name_prefix="key-sets")

    def fetch(self, url: str) -> bytes:
        """See the port."""
        try:
            return asyncio.run(self._within_time(url))
        except (TimeoutError, httpcore.TimeoutException) as exc:
            raise _unavailable(f"the server did not answer within {_SECONDS:g} s") from exc
        except (AddressRefused, NameUnknown) as exc:
            raise _unavailable(str(exc)) from exc
        except httpcore.ConnectError as exc:
            raise _unavailable(connect_error(exc)) from exc
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError, ValueError) as exc:
            raise _unavailable(f"the connection to the server broke: {type(exc).__name__}") from exc

    async def _within_time(self, url: str) -> bytes:
        async with asyncio.timeout(_SECONDS):
            return await self._get(url)

    async def _get(self, url: str) -> bytes:
        parts = urlsplit(url)
        network = GuardedNetwork(self._rules[parts.scheme], self._lookups)
        given = {"Host": parts.netloc, "User-Agent": f"modelyard/{__version__}", "Accept": "application/json"}
        headers = [(name.encode(), value.encode()) for name, value in given.items()]
        async with (
            httpcore.AsyncConnectionPool(ssl_context=self._trust, network_backend=network) as pool,
            pool.stream("GET", url, headers=headers) as got,
        ):
            if got.status != HTTPStatus.OK:
                raise _unavailable(f"the server answered {got.status}; redirects are not followed")
            content = b""
            async for chunk in got.aiter_stream():
                content += chunk
                if len(content) > _MOST_READ:
                    raise _unavailable(f"the server's answer is longer than {_MOST_READ // 1024} KiB")
            return content


def _unavailable(reason: str) -> Unavailable:
    return Unavailable(reason, code="jwks_unavailable")
