"""By which names callers may reach the gateway: what it sends on has their `Host`, which model servers check."""

import socket
from collections.abc import Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

import psutil

from modelyard.gateway_node.settings import GatewayNodeSettings


def names_of_gateway(url: str | None, node: GatewayNodeSettings) -> Sequence[str]:
    """The host of its public address, and where a node on this machine listens; none while that is loopback only.

    Args:
        url: the public address, where the operator gave one.
    """
    public = [] if url is None else [urlsplit(url).hostname or ""]
    if node.is_local:
        return public
    return [*public, *([node.host] if not _is_any(node.host) else _own_names())]


def _is_any(host: str) -> bool:
    try:
        return ip_address(host).is_unspecified
    except ValueError:
        return False


def _own_names() -> list[str]:
    """The name of this machine and its addresses, when the gateway listens on all of them."""
    families = {socket.AF_INET, socket.AF_INET6}
    found = {
        one.address.partition("%")[0]
        for addresses in psutil.net_if_addrs().values()
        for one in addresses
        if one.family in families
    }
    return [socket.gethostname().lower(), *sorted(found)]
