"""An identity provider: somebody else who says who a caller is."""

from collections.abc import Mapping
from typing import Any, Protocol


class IdentityProvider(Protocol):
    """Checks bearer tokens that an issuer signed. Thread-safe; may block for seconds when keys must be fetched."""

    def claims(self, token: str) -> Mapping[str, Any]:
        """What a token says, after its signature, issuer, audience and times were found right.

        Raises:
            Unauthenticated: code `token_expired`, `token_issuer_wrong`, `token_audience_wrong`, `token_key_unknown` or
                `token_invalid`; the sentence says what is wrong with it.
            Unavailable: code `issuer_unavailable`, when keys are needed and the issuer does not give them.
        """
