"""Service hosts by the system's resolver. What may be called is decided on addresses, not on names."""

import socket
import time
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, wait
from urllib.parse import urlsplit

from modelyard.adapters.receiver.address import AddressRule, Network

_LOOKUP_SECONDS = 3.0
_FRESH_SECONDS = 30.0
_KEPT_SECONDS = 600.0
"""How long an address is remembered of a name that nobody asks for."""
_LOOKUPS_AT_ONCE = 32
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
        self._found: dict[str, tuple[float, tuple[str, ...]]] = {}

    def refusal(self, url: str) -> str | None:
        """See the port."""
        host, _ = _host_and_port(url)
        if host in self._hosts:
            return None
        addresses = self._look_up(host)
        return _REFUSED if addresses and not any(map(self._rule.permits, addresses)) else None

    def find(self, urls: Collection[str]) -> Mapping[str, Sequence[Place]]:
        """See the port."""
        places = {url: _host_and_port(url) for url in urls}
        found = self._known({host for host, _ in places.values()} - self._hosts.keys())
        return {
            url: [self._hosts[host]]
            if host in self._hosts
            else [(address, port) for address in found[host] if self._rule.permits(address)]
            for url, (host, port) in places.items()
        }

    def _known(self, hosts: Collection[str]) -> Mapping[str, Sequence[str]]:
        """What was found last, if that is not long ago; what cannot be looked up now keeps what it had."""
        now, before = time.monotonic(), self._found
        kept = {host: before[host] for host in hosts if host in before}
        due = [host for host in hosts if host not in kept or now - kept[host][0] >= _FRESH_SECONDS]
        due.sort(
            key=lambda host: not kept.get(host, (now, ()))[1]
        )  # Names that led nowhere keep no other from a thread.
        found = self._look_up_all(due)
        known = kept | {host: (now, found[host] or kept.get(host, (now, ()))[1]) for host in due}
        self._found = {host: one for host, one in before.items() if now - one[0] < _KEPT_SECONDS} | known
        return {host: known[host][1] for host in hosts}

    def _look_up_all(self, hosts: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
        """All at once, and together no longer than one of them."""
        lookups = {host: self._lookups.submit(_addresses, host) for host in hosts}
        wait(lookups.values(), timeout=_LOOKUP_SECONDS)
        return {host: tuple(sorted(_result(lookup))) for host, lookup in lookups.items()}

    def _look_up(self, host: str) -> Sequence[str]:
        return self._look_up_all([host])[host]


def _result(lookup: Future[Sequence[str]]) -> Sequence[str]:
    """What was found by now; whoever waits for a thread still waits no more."""
    lookup.cancel()
    try:
        return lookup.result(timeout=0)
    except (TimeoutError, CancelledError, OSError, UnicodeError):
        return ()


def _host_and_port(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return (parts.hostname or "").lower(), parts.port or _PORTS[parts.scheme]


def _addresses(host: str) -> Sequence[str]:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))
