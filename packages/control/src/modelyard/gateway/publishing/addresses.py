"""The public addresses of the gateway. Pure."""

from collections.abc import Callable, Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

from modelyard.gateway.publishing.domain import GatewayNode

_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # Compared with, not bound to.
_HTTPS_PORT = 443


def public_addresses(url: str | None, nodes: Sequence[GatewayNode]) -> list[str]:
    """As the operator says, else where the nodes listen: with TLS first. The first one is the one to use."""
    if url is not None:
        return [url]
    secure = [_url("https", node.host, node.tls_port) for node in nodes if node.tls_port is not None]
    plain = [_url("http", node.host, node.port) for node in nodes]
    return list(dict.fromkeys(secure + plain))


def https_port(url: str | None, nodes: Sequence[GatewayNode]) -> int | None:
    """Where callers without TLS are sent, at the host that they called: the port of the operator's public address, if
    that has TLS, else that of the nodes."""
    public = urlsplit(url or "")
    if public.scheme == "https":
        return public.port or _HTTPS_PORT
    return min((node.tls_port for node in nodes if node.tls_port is not None), default=None)


def ip_addresses(addresses: Sequence[str], look_up: Callable[[str], Sequence[str]]) -> list[str]:
    """The IP addresses behind public addresses; `look_up` gives those of a name."""
    hosts = [urlsplit(address).hostname or "" for address in addresses]
    return list(dict.fromkeys(found for host in hosts for found in ([host] if _is_ip(host) else look_up(host))))


def _is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _url(scheme: str, host: str, port: int) -> str:
    known = _ANY_ADDRESS.get(host, host)
    return f"{scheme}://{f'[{known}]' if ':' in known else known}:{port}"
