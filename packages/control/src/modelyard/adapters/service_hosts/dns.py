"""Service hosts by the system's resolver. What may be called is decided on addresses, not on names."""

import socket
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from modelyard.adapters.receiver.address import AddressRule, Network

_LOOKUP_SECONDS = 3.0
_FRESH_SECONDS = 30.0
_LOOKUPS_AT_ONCE = 8
_PORTS = {"http": 80, "https": 443}
_REFUSED = (
    "the address of its host is not public, and the operator allows neither its network "
    "(MODELYARD_GATEWAY_SERVICE_NETWORKS) nor its name (MODELYARD_GATEWAY_SERVICE_HOSTS)"
)
Place = tuple[str, int]


class DnsServiceHosts:
    """The port `ServiceHosts`.

    Args:
        networks: that may be called besides public addresses.
        hosts: names that lead to an address of the operator's, whatever a resolver says of them.
    """

    def __init__(self, *, networks: Sequence[Network] = (), hosts: Mapping[str, Place] | None = None) -> None:
        self._rule = AddressRule(networks)
        self._hosts = {name.lower(): place for name, place in (hosts or {}).items()}
        self._lookups = ThreadPoolExecutor(_LOOKUPS_AT_ONCE, thread_name_prefix="service-hosts")
        self._lock = threading.Lock()
        self._found: dict[str, tuple[float, tuple[str, ...]]] = {}

    def refusal(self, url: str) -> str | None:
        """See the port."""
        host, _ = _host_and_port(url)
        if host in self._hosts:
            return None
        addresses = self._look_up(host)
        return _REFUSED if addresses and not any(map(self._rule.permits, addresses)) else None

    def find(self, url: str) -> Sequence[Place]:
        """See the port."""
        host, port = _host_and_port(url)
        if host in self._hosts:
            return [self._hosts[host]]
        return [(address, port) for address in self._known(host) if self._rule.permits(address)]

    def _known(self, host: str) -> Sequence[str]:
        """What was found last, if that is not long ago; what cannot be looked up now keeps what it had."""
        with self._lock:
            looked_up, addresses = self._found.get(host, (float("-inf"), ()))
        if time.monotonic() - looked_up < _FRESH_SECONDS:
            return addresses
        found = tuple(sorted(self._look_up(host))) or addresses
        with self._lock:
            self._found[host] = (time.monotonic(), found)
        return found

    def _look_up(self, host: str) -> Sequence[str]:
        lookup = self._lookups.submit(_addresses, host)
        try:
            return lookup.result(timeout=_LOOKUP_SECONDS)
        except (TimeoutError, OSError, UnicodeError):
            return []


def _host_and_port(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return (parts.hostname or "").lower(), parts.port or _PORTS[parts.scheme]


def _addresses(host: str) -> list[str]:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))
