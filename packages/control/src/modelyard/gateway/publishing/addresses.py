"""The public addresses of the gateway. Pure."""

from collections.abc import Sequence

from modelyard.gateway.publishing.domain import GatewayNode

_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # Compared with, not bound to.


def public_addresses(url: str | None, nodes: Sequence[GatewayNode]) -> list[str]:
    """As the operator says, else where the nodes listen: with TLS first. The first one is the one to use."""
    if url is not None:
        return [url]
    secure = [_url("https", node.host, node.tls_port) for node in nodes if node.tls_port is not None]
    plain = [_url("http", node.host, node.port) for node in nodes]
    return list(dict.fromkeys(secure + plain))


def _url(scheme: str, host: str, port: int) -> str:
    known = _ANY_ADDRESS.get(host, host)
    return f"{scheme}://{f'[{known}]' if ':' in known else known}:{port}"
