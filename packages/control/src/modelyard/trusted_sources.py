"""Which requests come from where they should, by what browsers say of every request. Pure: it asks no resolver.

A browser sends what a page asks for to any address that it reaches, loopback included, and sends some of it (a form, a
`text/plain` body) without asking the server first. A page cannot change what the browser adds: `Host` is the name that
was typed or linked, so a foreign name that was made to resolve to us (DNS rebinding) shows; `Origin` and
`Sec-Fetch-Site` say which page sent the request. Programs that are not browsers send `Host` alone.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

from modelyard.errors import Forbidden

SETTING_OF_HOSTS = "MODELYARD_ALLOWED_HOSTS"
SETTING_OF_ORIGINS = "MODELYARD_ALLOWED_ORIGINS"

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_AUTHORITY = re.compile(r"(?P<name>[a-z0-9_.-]{1,254}|\[[0-9a-f:.]{2,45}\])(?::(?P<port>[0-9]{1,5}))?")
_ORIGIN = re.compile(r"(?P<scheme>https?)://(?P<authority>.+)")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_SHOWN = 80

Headers = Iterable[tuple[bytes, bytes]]
"""As ASGI has them: the names in lower case."""


@dataclass(frozen=True, slots=True)
class Authority:
    """The name or address that a `Host` header or an origin names, and its port if it names one."""

    name: str
    """In lower case, without the dot of the root; an IPv6 address without brackets."""
    port: int | None
    address: IPv4Address | IPv6Address | None
    """The name as an address, if it is one."""


@dataclass(frozen=True, slots=True)
class _Source:
    """What the headers say."""

    hosts: tuple[str, ...]
    origins: tuple[str, ...]
    sites: frozenset[str]
    is_navigation: bool


class TrustedSources:
    """The hosts and origins that a listener takes requests for and from.

    Args:
        listens_on: the address or name that it is bound to. On loopback the names of loopback are trusted (`localhost`,
            `127.0.0.0/8`, `::1`); elsewhere every IP address is too, since no DNS answer can make a browser send one.
            Ports do not matter: whoever forwards a port has another one.
        hosts: further names or addresses, without ports; `*.example.com` is every name below `example.com`.
        origins: pages that may call besides those of the same origin: `https://console.example.com`.

    Raises:
        ValueError: one of them is not what it should be.
    """

    def __init__(self, *, listens_on: str, hosts: Sequence[str] = (), origins: Sequence[str] = ()) -> None:
        own = listens_on.strip("[]").lower().rstrip(".")
        self._is_loopback = is_loopback(own)
        checked = [checked_host(host) for host in hosts]
        self._names = frozenset({"localhost", own, *(name for name in checked if not name.startswith("*."))})
        self._parents = tuple(name.removeprefix("*") for name in checked if name.startswith("*."))
        self._origins = frozenset(checked_origin(origin) for origin in origins)

    def check(self, method: str, headers: Headers) -> None:
        """Refuse a request whose `Host` is foreign, or that a foreign page sent.

        A link that is followed to us (a navigation by GET in a window of its own) is no page's request: the page that
        has the link sees nothing of the answer, and a GET changes nothing.

        Raises:
            Forbidden: code `host_refused` or `origin_refused`.
        """
        source = _source(headers)
        host = self._trusted_host(source.hosts)
        if source.origins:
            if len(source.origins) > 1:
                raise _foreign_origin(", ".join(source.origins))
            origin = source.origins[0]
            if origin in self._origins:
                return
            if not _is_same(origin, host):
                raise _foreign_origin(origin)
        if source.sites <= {"same-origin", "none"}:
            return
        if not (source.is_navigation and method in {"GET", "HEAD"}):
            raise Forbidden(
                f"a page of another site sent this request (Sec-Fetch-Site: {_shown(', '.join(source.sites))}); only "
                f"pages of this server's own origin may, and those that {SETTING_OF_ORIGINS} names",
                code="origin_refused",
                field="Sec-Fetch-Site",
            )

    def _trusted_host(self, hosts: tuple[str, ...]) -> Authority:
        if len(hosts) != 1:
            raise Forbidden(
                f"Host: expected exactly one header that names this server, got {len(hosts) or 'none'}",
                code="host_refused",
                field="Host",
            )
        host = authority_of(hosts[0])
        if host is None or not self._is_trusted(host):
            ours = "localhost and addresses of loopback" if self._is_loopback else "IP addresses and localhost"
            raise Forbidden(
                f"Host: expected one of this server's names, which are {ours} and those that {SETTING_OF_HOSTS} lists, "
                f"got {_shown(hosts[0])!r}",
                code="host_refused",
                field="Host",
            )
        return host

    def _is_trusted(self, host: Authority) -> bool:
        if host.name in self._names or host.name.endswith(self._parents):
            return True
        return host.address is not None and (not self._is_loopback or _is_loopback(host.address))


def is_loopback(host: str) -> bool:
    """Whether a listener on this address or name is reached from this machine only."""
    address = _address(host)
    return host == "localhost" or (address is not None and _is_loopback(address))


@lru_cache(maxsize=1024)
def authority_of(text: str) -> Authority | None:
    """A `Host` header's value, read strictly: None where a user name, a path, a space or the like is in it."""
    found = _AUTHORITY.fullmatch(text.lower())
    if found is None:
        return None
    is_bracketed = found["name"].startswith("[")
    name = found["name"].strip("[]") if is_bracketed else found["name"].removesuffix(".")
    address = _address(name)
    port = None if found["port"] is None else int(found["port"])
    if isinstance(address, IPv6Address) != is_bracketed or (address is None and not _NAME.fullmatch(name)):
        return None
    return Authority(name, port, address)


def checked_host(host: str) -> str:
    """A host as the settings name it, in its plain form.

    Raises:
        ValueError: it is not a name or an address, or it has a port.
    """
    plain = host.strip().lower().removesuffix(".")
    authority = authority_of(plain.removeprefix("*."))
    if authority is None:
        authority = authority_of(f"[{plain.strip('[]')}]")
    is_pattern = plain.startswith("*.")
    if authority is None or authority.port is not None or (is_pattern and authority.address is not None):
        raise ValueError(f"expected a host's name or address without a port, or *.<name>, got {host[:_SHOWN]!r}")
    return f"*.{authority.name}" if is_pattern else authority.name


def checked_origin(origin: str) -> str:
    """An origin as the settings name it, as browsers write it.

    Raises:
        ValueError: it is not `http://` or `https://`, a host, and a port where it is not the scheme's own.
    """
    plain = origin.strip().lower().removesuffix("/")
    found = _ORIGIN.fullmatch(plain)
    authority = None if found is None else authority_of(found["authority"])
    if found is None or authority is None:
        raise ValueError(f"expected an origin such as https://console.example.com, got {origin[:_SHOWN]!r}")
    return plain.removesuffix(f":{_DEFAULT_PORTS[found['scheme']]}")


def _source(headers: Headers) -> _Source:
    hosts: list[str] = []
    origins: list[str] = []
    sites: set[str] = set()
    mode = destination = b""
    for name, value in headers:
        if name == b"host":
            hosts.append(value.decode("latin-1"))
        elif name == b"origin":
            origins.append(value.decode("latin-1").lower())
        elif name == b"sec-fetch-site":
            sites.add(value.decode("latin-1").lower())
        elif name == b"sec-fetch-mode":
            mode = value
        elif name == b"sec-fetch-dest":
            destination = value
    is_navigation = mode == b"navigate" and destination == b"document"
    return _Source(tuple(hosts), tuple(origins), frozenset(sites), is_navigation)


def _is_same(origin: str, host: Authority) -> bool:
    """Whether a page's origin is where its request went. TLS may end before us, so the scheme is the origin's word."""
    found = _ORIGIN.fullmatch(origin)
    page = None if found is None else authority_of(found["authority"])
    if found is None or page is None:
        return False
    default = _DEFAULT_PORTS[found["scheme"]]
    return page.name == host.name and (page.port or default) == (host.port or default)


def _foreign_origin(origin: str) -> Forbidden:
    return Forbidden(
        f"Origin: expected a page of this server's own origin, or one that {SETTING_OF_ORIGINS} lists, "
        f"got {_shown(origin)!r}",
        code="origin_refused",
        field="Origin",
    )


def _address(name: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(name)
    except ValueError:
        return None


def _is_loopback(address: IPv4Address | IPv6Address) -> bool:
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback


def _shown(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
