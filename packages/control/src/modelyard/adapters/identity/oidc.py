"""OpenID Connect: tokens that one configured issuer signed with RS256 or ES256.

Keys come from the issuer's own discovery document and origin, or from a configured address, and from nowhere else: what
a token says about where its key is (`jku`, `x5u`, another `iss`) is never followed.
"""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import jwt

from modelyard.adapters.identity.documents import check_address, discover, fetch, http_client, origin, unavailable
from modelyard.errors import ModelyardError, Unauthenticated

_ALGORITHMS = ("RS256", "ES256")
_FRESH_SECONDS = 3600.0
_PAUSE_SECONDS = 30.0
"""The shortest time between two fetches, so that made-up key ids do not make us ask the issuer each time."""
_NO_KEYS = "the identity provider does not give its keys"


class OidcProvider:
    """The port `IdentityProvider` for one issuer.

    Args:
        issuer: exactly as tokens name it in `iss`; https, but for this machine's loopback.
        audience: what tokens must name in `aud`.
        keys_url: where the keys are, for issuers that keep them at another origin than their own.
        leeway_seconds: how far the issuer's clock may be from ours.
        monotonic: the clock for the keys' age.

    Raises:
        ValueError: an address is not one that we fetch.
    """

    def __init__(
        self,
        *,
        issuer: str,
        audience: str,
        keys_url: str | None = None,
        leeway_seconds: float = 30.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        for address in (issuer, keys_url or issuer):
            check_address(address)
        self._issuer = issuer
        self._audience = audience
        self._keys_url = keys_url
        self._leeway = leeway_seconds
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at: float | None = None
        self._tried_at: float | None = None

    def claims(self, token: str) -> Mapping[str, Any]:
        """Find the key by its id, and check everything."""
        try:
            header = jwt.get_unverified_header(token)
        except jwt.InvalidTokenError as exc:
            raise Unauthenticated("the token is not a JSON Web Token", code="token_invalid") from exc
        if header.get("alg") not in _ALGORITHMS:
            raise Unauthenticated(
                f"the token is not signed with one of {', '.join(_ALGORITHMS)}, but with {header.get('alg')!a:.40}",
                code="token_invalid",
            )
        key = self._key(str(header.get("kid", "")))
        try:
            found: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=list(_ALGORITHMS),
                audience=self._audience,
                issuer=self._issuer,
                leeway=self._leeway,
                options={"require": ["exp", "iss", "aud"]},
            )
        except jwt.PyJWTError as exc:
            raise _refusal(exc) from exc
        return found

    def _key(self, key_id: str) -> jwt.PyJWK:
        with self._lock:
            now = self._monotonic()
            is_old = self._fetched_at is None or now - self._fetched_at > _FRESH_SECONDS
            may_ask = self._tried_at is None or now - self._tried_at >= _PAUSE_SECONDS
            if (is_old or key_id not in self._keys) and may_ask:
                self._tried_at = now
                self._refresh(now)
            if self._fetched_at is None:
                raise unavailable(_NO_KEYS)
            key = self._keys.get(key_id)
        if key is None:
            raise Unauthenticated("the token's key is not one of the issuer's", code="token_key_unknown")
        return key

    def _refresh(self, now: float) -> None:
        """Fetch the keys. While the issuer does not answer, those that we have go on to count."""
        try:
            with http_client() as client:
                self._keys = _usable(fetch(client, self._keys_address(client)))
        except ModelyardError:
            if self._fetched_at is None:
                raise
        else:
            self._fetched_at = now

    def _keys_address(self, client: httpx.Client) -> str:
        if self._keys_url is not None:
            return self._keys_url
        address = str(discover(client, self._issuer).get("jwks_uri", ""))
        if origin(address) != origin(self._issuer):
            raise unavailable(f"the discovery document of {self._issuer} names keys at another origin")
        return address


def _usable(document: Mapping[str, Any]) -> dict[str, jwt.PyJWK]:
    """The keys by their ids, less those that are not for signatures of ours."""
    keys: dict[str, jwt.PyJWK] = {}
    listed = document.get("keys")
    for data in listed if isinstance(listed, list) else []:
        if not isinstance(data, dict) or data.get("use", "sig") != "sig":
            continue
        try:
            key = jwt.PyJWK(data)
        except jwt.PyJWTError:
            continue
        if key.algorithm_name in _ALGORITHMS:
            keys[str(data.get("kid", ""))] = key
    return keys


def _refusal(exc: jwt.PyJWTError) -> Unauthenticated:
    """The most specific first."""
    error_table: tuple[tuple[type[jwt.PyJWTError], str, str], ...] = (
        (jwt.ExpiredSignatureError, "the token has expired", "token_expired"),
        (jwt.ImmatureSignatureError, "the token is not valid yet", "token_invalid"),
        (jwt.InvalidAudienceError, "the token is for another audience", "token_audience_wrong"),
        (jwt.InvalidIssuerError, "the token is of another issuer", "token_issuer_wrong"),
        (jwt.InvalidSignatureError, "the token's signature is wrong", "token_invalid"),
        (jwt.MissingRequiredClaimError, f"the token is not complete: {exc}", "token_invalid"),
    )
    for kind, message, code in error_table:
        if isinstance(exc, kind):
            return Unauthenticated(message, code=code)
    return Unauthenticated("the token cannot be read", code="token_invalid")
