"""What an identity provider publishes or answers: JSON objects, read with limits, of addresses that we fetch."""

from typing import Any
from urllib.parse import urlsplit

import httpx

from modelyard.errors import Unavailable

_MOST_BYTES = 1024 * 1024
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_SECONDS = 5


def http_client() -> httpx.Client:
    """A client that follows nothing and does not wait long."""
    return httpx.Client(timeout=_SECONDS, follow_redirects=False)


def fetch(client: httpx.Client, address: str) -> dict[str, Any]:
    """The object at an address.

    Raises:
        Unavailable: code `issuer_unavailable`.
    """
    return read_object(client, client.build_request("GET", address), allowed=(httpx.codes.OK,))[1]


def read_object(
    client: httpx.Client, request: httpx.Request, *, allowed: tuple[int, ...]
) -> tuple[int, dict[str, Any]]:
    """The status and the object that a request is answered with. Raises as `fetch` does."""
    try:
        response = client.send(request, stream=True)
        try:
            content = b""
            for chunk in response.iter_bytes():
                content += chunk
                if len(content) > _MOST_BYTES:
                    raise unavailable()
        finally:
            response.close()
        document = httpx.Response(200, content=content).json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as exc:
        raise unavailable() from exc
    if response.status_code not in allowed or not isinstance(document, dict):
        raise unavailable()
    return response.status_code, document


def discover(client: httpx.Client, issuer: str) -> dict[str, Any]:
    """The discovery document of an issuer. Raises as `fetch` does, and when it names another issuer."""
    document = fetch(client, issuer.rstrip("/") + "/.well-known/openid-configuration")
    if document.get("issuer") != issuer:
        raise unavailable(f"the discovery document of {issuer} names another issuer")
    return document


def check_address(address: str) -> None:
    """Let through https, and http on this machine's loopback.

    Raises:
        ValueError: another one.
    """
    parts = urlsplit(address)
    if parts.scheme == "https" and parts.hostname:
        return
    if parts.scheme == "http" and parts.hostname in _LOOPBACK:
        return
    raise ValueError(f"expected an https address of an issuer, got {address!r}")


def origin(address: str) -> tuple[str, str | None, int | None]:
    """Scheme, host and port."""
    try:
        parts = urlsplit(address)
        return parts.scheme, parts.hostname, parts.port
    except ValueError:
        return "", None, None


def unavailable(reason: str = "the identity provider does not answer as it should") -> Unavailable:
    """The error for an issuer that does not answer."""
    return Unavailable(reason, code="issuer_unavailable")
