"""URLs of registries, and which URL in a response may be followed. Pure.

Plain HTTP is used for this machine and for hosts that the operator names, and for no other, whatever a registry sends.
"""

import re
from collections.abc import Collection
from urllib.parse import unquote, urljoin, urlsplit

from modelyard.errors import Invalid
from modelyard.oci.registry.credentials import DOCKER_HUB
from modelyard.trusted_sources import is_loopback

_HUB_API = "registry-1.docker.io"
_DEFAULT_PORTS = {"http": 80, "https": 443}
_ODD = re.compile(r"[\x00-\x20\x7f-\uffff\\]")
_MAX = 8192


class Addresses:
    """The addresses of registries.

    Args:
        plain_http: hosts (with their ports) that are called without TLS, besides those of loopback.
    """

    def __init__(self, plain_http: Collection[str] = ()) -> None:
        self._plain_http = frozenset(plain_http)

    def root(self, host: str) -> str:
        """The address of a registry: `https://registry.example.com`."""
        if host in DOCKER_HUB:
            return f"https://{_HUB_API}"
        return f"{'http' if self.is_plain(host) else 'https'}://{host}"

    def is_plain(self, host: str) -> bool:
        """Whether a host (with its port) may be called without TLS."""
        return host in self._plain_http or is_loopback(_name(host))

    def followed(self, base: str, location: str, *, what: str) -> str:
        """The absolute address of a `Location` that was answered at `base`.

        Raises:
            Invalid: code `registry_address_refused`.
        """
        if not location or len(location) > _MAX or _ODD.search(location):
            raise _refused(what, "an address", location)
        address = urljoin(base, location)
        try:
            parts = urlsplit(address)
            _ = parts.port
        except ValueError as error:
            raise _refused(what, "an address", location) from error
        if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or parts.username is not None:
            raise _refused(what, "http or https with a host and without a user", location)
        if ".." in unquote(unquote(urlsplit(location).path)).split("/"):
            raise _refused(what, "a path without '..'", location)
        if parts.scheme == "http" and not (base.startswith("http:") and self.is_plain(parts.netloc)):
            raise _refused(what, "https", location)
        return address


def origin(address: str) -> tuple[str, str, int]:
    """Scheme, host and port: credentials go to the same one only."""
    parts = urlsplit(address)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)


def _name(host: str) -> str:
    return host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]


def _refused(what: str, expected: str, got: str) -> Invalid:
    # A query may hold a signature, and what stands before a host a password.
    shown = re.sub(r"//[^/]*@", "//…@", got.partition("?")[0])[:120]
    return Invalid(f"the registry's {what}: expected {expected}, got {shown!r}", code="registry_address_refused")
