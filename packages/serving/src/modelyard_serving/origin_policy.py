"""Checks where requests come from, by the headers that browsers add to every request. It does no DNS lookup.

A browser sends what a page asks for to any address that it reaches, loopback included. A page cannot change what the
browser adds: `Host` is the name that was typed or linked, so a foreign name that was made to resolve to this machine
(DNS rebinding) shows; `Origin` and `Sec-Fetch-Site` say which page sent the request. Other programs send `Host` alone.
"""

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, Protocol

from modelyard_serving.errors import Kind, ServingError, UsageError

_AUTHORITY = re.compile(r"(?P<name>[a-z0-9_.-]{1,254}|\[[0-9a-f:.]{2,45}\])(?::(?P<port>[0-9]{1,5}))?")
_ORIGIN = re.compile(r"(?P<scheme>https?)://(?P<authority>.+)")
_DEFAULT_PORTS = {"http": "80", "https": "443"}
_MAX_REMEMBERED = 1024
_SHOWN = 80


class _Headers(Protocol):
    def get(self, key: str, default: Any = None) -> Any: ...

    def __contains__(self, key: object) -> bool: ...


class OriginPolicy:
    """The hosts and the pages that a server takes requests for and from.

    Args:
        listens_on: the address or name that it is bound to. On loopback `Host` must name loopback. On another interface
            it may name anything, unless `hosts` are given: then one of them, or an IP address, which no DNS answer can
            make a browser send.
        hosts: further names or addresses, without ports; `*.example.com` is every name below `example.com`.
        origins: pages that may call besides those of the same origin: `https://console.example.com`.

    Raises:
        UsageError: one of them is not what it should be.
    """

    def __init__(self, *, listens_on: str, hosts: Sequence[str] = (), origins: Sequence[str] = ()) -> None:
        self._is_loopback = _is_loopback(listens_on.strip("[]").lower())
        checked = [_checked_host(host) for host in hosts]
        self._checks_hosts = self._is_loopback or bool(checked)
        self._names = frozenset({"localhost", listens_on.lower(), *(name for name in checked if name[0] != "*")})
        self._parents = tuple(name[1:] for name in checked if name[0] == "*")
        self._origins = frozenset(_checked_origin(origin) for origin in origins)
        self._trusted: set[str | None] = {None}

    def is_already_trusted(self, headers: _Headers) -> bool:
        """Whether a request has no browser headers and a `Host` that was accepted before: the fast path for nearly all
        requests."""
        return headers.get("host") in self._trusted and "origin" not in headers and "sec-fetch-site" not in headers

    def refusal(self, method: str, headers: _Headers) -> ServingError | None:
        """The error of a rejected request; None for an accepted one. A request without `Host` is not from a browser."""
        host = headers.get("host")
        if host not in self._trusted:
            if self._checks_hosts and not self._is_trusted(host):
                return self._foreign_host(host)
            if len(self._trusted) < _MAX_REMEMBERED:
                self._trusted.add(host)
        if "origin" not in headers and "sec-fetch-site" not in headers:
            return None
        return self._foreign_page(method, headers)

    def _is_trusted(self, host: str) -> bool:
        name = _name(host)
        if name is None:
            return False
        if name in self._names or name.endswith(self._parents):
            return True
        return _is_loopback(name) or (not self._is_loopback and _address(name) is not None)

    def _foreign_host(self, host: str) -> ServingError:
        ours = "localhost and addresses of loopback" if self._is_loopback else "IP addresses and localhost"
        return ServingError(
            f"Host: expected one of this server's names, which are {ours} and those of --allowed-hosts, "
            f"got {host[:_SHOWN]!r}",
            kind=Kind.FORBIDDEN,
        )

    def _foreign_page(self, method: str, headers: _Headers) -> ServingError | None:
        origin = headers.get("origin")
        if origin is not None:
            if origin.lower() in self._origins:
                return None
            if not _is_same(origin.lower(), headers.get("host") or headers.get(":authority") or ""):
                return ServingError(
                    f"Origin: expected a page of this server's own origin, or one of --allowed-origins, "
                    f"got {origin[:_SHOWN]!r}",
                    kind=Kind.FORBIDDEN,
                )
        site = headers.get("sec-fetch-site", "none")
        # Navigation by a link is allowed: the linking page cannot read the response.
        is_followed = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
        if site in ("same-origin", "none") or (is_followed and method in ("GET", "HEAD")):
            return None
        return ServingError(
            f"a page of another site sent this request (Sec-Fetch-Site: {site[:_SHOWN]}); only pages of this server's "
            "own origin may, and those of --allowed-origins",
            kind=Kind.FORBIDDEN,
        )


def _is_same(origin: str, host: str) -> bool:
    """Whether a page's origin is the request's own host. TLS may end before this server, so the scheme is the
    origin's."""
    found = _ORIGIN.fullmatch(origin)
    page = None if found is None else _AUTHORITY.fullmatch(found["authority"])
    ours = _AUTHORITY.fullmatch(host.lower())
    if found is None or page is None or ours is None:
        return False
    default = _DEFAULT_PORTS[found["scheme"]]
    return page["name"] == ours["name"] and (page["port"] or default) == (ours["port"] or default)


def _name(host: str) -> str | None:
    """The name or address of a `Host` header; None where a user name, a path, a space or the like is in it."""
    found = _AUTHORITY.fullmatch(host.lower())
    return None if found is None else found["name"].strip("[]").removesuffix(".")


def _checked_host(host: str) -> str:
    plain = host.strip().lower().removesuffix(".")
    found = _AUTHORITY.fullmatch(plain.removeprefix("*."))
    if _address(plain.strip("[]")) is None and (found is None or found["port"] is not None):
        raise UsageError(f"allowed_hosts: expected names or addresses without a port, or *.<name>, got {host!r}")
    return plain.strip("[]")


def _checked_origin(origin: str) -> str:
    plain = origin.strip().lower().removesuffix("/")
    found = _ORIGIN.fullmatch(plain)
    if found is None or _AUTHORITY.fullmatch(found["authority"]) is None:
        raise UsageError(f"allowed_origins: expected origins such as https://console.example.com, got {origin!r}")
    return plain.removesuffix(f":{_DEFAULT_PORTS[found['scheme']]}")


def _is_loopback(name: str) -> bool:
    address = _address(name)
    if address is None:
        return name == "localhost"
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback


def _address(name: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(name)
    except ValueError:
        return None
