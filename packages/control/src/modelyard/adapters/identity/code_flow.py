"""OpenID Connect: people log in with a browser (authorization code flow with PKCE, OpenID Connect Core 3.1).

The addresses come from the issuer's discovery document. What comes back over the browser is a code that is worth
nothing without this login's verifier; the ID token is fetched by us, and then checked as every token is.
"""

import base64
import hashlib
import hmac
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import httpx

from modelyard.adapters.identity.documents import check_address, discover, http_client, read_object, unavailable
from modelyard.errors import Unauthenticated
from modelyard.ports.identity import IdentityProvider, PendingLogin

_FRESH_SECONDS = 3600.0
_ANSWERS = (httpx.codes.OK, httpx.codes.BAD_REQUEST, httpx.codes.UNAUTHORIZED)


class OidcCodeFlow:
    """The port `LoginFlow` for one issuer.

    Args:
        issuer: exactly as tokens name it in `iss`.
        client_id: as what the console is registered at the issuer.
        client_secret: None for a public client.
        scopes: what is asked for, with spaces between.
        id_tokens: checks tokens of this issuer whose audience is `client_id`.
        monotonic: the clock for the discovery document's age.

    Raises:
        ValueError: the issuer's address is not one that we fetch.
    """

    def __init__(
        self,
        *,
        issuer: str,
        client_id: str,
        client_secret: str | None,
        scopes: str,
        id_tokens: IdentityProvider,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        check_address(issuer)
        self._issuer = issuer
        self._client_id = client_id
        self._client_secret = client_secret
        self._scopes = scopes
        self._id_tokens = id_tokens
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._document: tuple[float, Mapping[str, Any]] | None = None

    @property
    def issuer(self) -> str:
        """See the port."""
        return self._issuer

    def login_url(self, login: PendingLogin, *, return_to: str) -> str:
        """See the port."""
        return _with_query(
            self._endpoint("authorization_endpoint"),
            response_type="code",
            client_id=self._client_id,
            redirect_uri=return_to,
            scope=self._scopes,
            state=login.state,
            nonce=login.nonce,
            code_challenge=_challenge(login.verifier),
            code_challenge_method="S256",
        )

    def claims(self, login: PendingLogin, *, code: str, return_to: str) -> Mapping[str, Any]:
        """See the port."""
        claims = self._id_tokens.claims(self._redeem(login, code, return_to))
        if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), login.nonce.encode()):
            raise Unauthenticated("the token is not one of this login", code="login_nonce_wrong")
        if claims.get("azp", self._client_id) != self._client_id:
            raise Unauthenticated("the token was made for another client", code="token_audience_wrong")
        return claims

    def logout_url(self, *, return_to: str) -> str | None:
        """See the port."""
        if "end_session_endpoint" not in self._discovered():
            return None
        return _with_query(
            self._endpoint("end_session_endpoint"), client_id=self._client_id, post_logout_redirect_uri=return_to
        )

    def _redeem(self, login: PendingLogin, code: str, return_to: str) -> str:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": return_to,
            "code_verifier": login.verifier,
            "client_id": self._client_id,
        }
        methods = self._discovered().get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        auth = None
        if self._client_secret is not None and "client_secret_basic" in methods:
            # Each half is encoded before they are joined: RFC 6749, 2.3.1.
            auth = httpx.BasicAuth(_encoded(self._client_id), _encoded(self._client_secret))
        elif self._client_secret is not None:
            form["client_secret"] = self._client_secret
        with http_client() as client:
            request = client.build_request("POST", self._endpoint("token_endpoint"), data=form)
            if auth is not None:
                request = next(auth.auth_flow(request))
            status, answer = read_object(client, request, allowed=_ANSWERS)
        if status != httpx.codes.OK:
            raise Unauthenticated(
                "the identity provider does not take this login's code: log in again", code="login_code_refused"
            )
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise unavailable("the identity provider gives no ID token: the scopes must name 'openid'")
        return token

    def _endpoint(self, name: str) -> str:
        address = str(self._discovered().get(name, ""))
        try:
            check_address(address)
        except ValueError as exc:
            raise unavailable(f"the discovery document of {self._issuer} names no usable {name}") from exc
        return address

    def _discovered(self) -> Mapping[str, Any]:
        with self._lock:
            now = self._monotonic()
            if self._document is None or now - self._document[0] > _FRESH_SECONDS:
                with http_client() as client:
                    self._document = now, discover(client, self._issuer)
            return self._document[1]


def _with_query(address: str, **query: str) -> str:
    return f"{address}{'&' if '?' in address else '?'}{urlencode(query)}"


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _encoded(text: str) -> str:
    return urlencode({"": text})[1:]
