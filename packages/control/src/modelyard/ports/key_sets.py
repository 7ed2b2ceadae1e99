"""Where issuers of tokens publish their keys: servers of somebody else's, which people name."""

from typing import Protocol


class KeySets(Protocol):
    """Fetches documents of keys (JWKS, RFC 7517).

    It connects to public addresses with TLS, and to others that the operator allows; it follows no redirect, asks no
    proxy, sends no credential, and reads a bounded part of the answer in a bounded time.
    """

    def fetch(self, url: str) -> bytes:
        """What is published there now.

        Raises:
            Unavailable: code `jwks_unavailable`; nothing can be had there, and the sentence says why.
        """
        ...
