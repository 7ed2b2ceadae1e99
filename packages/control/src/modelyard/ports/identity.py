"""An identity provider: somebody else who says who a caller is."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self


class IdentityProvider(Protocol):
    """Checks bearer tokens that an issuer signed. Thread-safe; may block for seconds when keys must be fetched."""

    def claims(self, token: str) -> Mapping[str, Any]:
        """What a token says, after its signature, issuer, audience and times were found right.

        Raises:
            Unauthenticated: code `token_expired`, `token_issuer_wrong`, `token_audience_wrong`, `token_key_unknown` or
                `token_invalid`; the sentence says what is wrong with it.
            Unavailable: code `issuer_unavailable`, when keys are needed and the issuer does not give them.
        """


@dataclass(frozen=True, slots=True)
class PendingLogin:
    """A login that somebody has begun at an identity provider. Only their browser may know it.

    Attributes:
        state: what the way back must carry, so that no other browser's login is finished.
        nonce: what the identity provider must sign, so that no token of another login is taken.
        verifier: what redeems the code, so that a code that leaks is worth nothing (PKCE, RFC 7636).
    """

    state: str
    nonce: str
    verifier: str

    @classmethod
    def new(cls) -> Self:
        """One of three values of 256 random bits."""
        return cls(*(secrets.token_urlsafe(32) for _ in range(3)))


class LoginFlow(Protocol):
    """The authorization code flow of OpenID Connect. Thread-safe; each method may block for seconds."""

    @property
    def issuer(self) -> str:
        """Where people log in."""

    def login_url(self, login: PendingLogin, *, return_to: str) -> str:
        """Where a browser logs in; it comes back to `return_to`, with `code` and `state`.

        Raises:
            Unavailable: code `issuer_unavailable`.
        """

    def claims(self, login: PendingLogin, *, code: str, return_to: str) -> Mapping[str, Any]:
        """Redeem a code: what the ID token says, after it was found right, and of this login.

        Raises:
            Unauthenticated: code `login_code_refused`, `login_nonce_wrong`, or those of `IdentityProvider.claims`.
            Unavailable: code `issuer_unavailable`.
        """

    def logout_url(self, *, return_to: str) -> str | None:
        """Where a browser ends the identity provider's own session; None where there is no such place.

        Raises:
            Unavailable: code `issuer_unavailable`.
        """
