"""Authorization as a registry requests it: Basic, or a token of the server that its challenge names, by scope.

Tokens are cached in memory until the registry rejects them. Redirects of a token server are not followed, so no
other server gets credentials.
"""

import json
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import httpx

from modelyard.errors import Invalid, Unavailable
from modelyard.oci.registry.addresses import Addresses
from modelyard.oci.registry.challenge import Challenge, parse_challenges
from modelyard.oci.registry.credentials import Credential, Credentials

Exchange = Callable[[httpx.Request], tuple[int, bytes]]
"""Sends a request without following anything; gives the status and a body of bounded size."""
_CLIENT = "modelyard"


class Authorization:
    """The header `Authorization` of one registry's requests, by scope."""

    def __init__(self, host: str, *, credentials: Credentials, addresses: Addresses, exchange: Exchange) -> None:
        self._host = host
        self._credentials = credentials
        self._addresses = addresses
        self._exchange = exchange
        self._headers: dict[str, str] = {}
        self._asking = threading.Lock()

    def header(self, scope: str) -> str | None:
        """The header that was accepted for this scope before; None if none was needed yet."""
        return self._headers.get(scope)

    def answer(self, challenges: list[str], scope: str, *, refused: str | None) -> str:
        """The header that answers a 401.

        Args:
            challenges: the headers `WWW-Authenticate`.
            scope: what the request is for, `repository:models:pull,push`.
            refused: the header with which the request was refused, if it had one.

        Raises:
            Invalid: code `registry_denied`.
            Unavailable: the token server does not answer.
        """
        with self._asking:
            known = self._headers.get(scope)
            if known is not None and known != refused:
                return known  # Another thread was faster.
            header = self._obtained(parse_challenges(challenges), scope)
            if header == refused:
                raise self._denied("it rejects our credentials")
            self._headers[scope] = header
            return header

    def _obtained(self, challenges: list[Challenge], scope: str) -> str:
        by_scheme = {challenge.scheme: challenge for challenge in challenges}
        credential = self._credentials.of(self._host)
        if "bearer" in by_scheme:
            return f"Bearer {self._token(by_scheme['bearer'], credential, scope)}"
        if "basic" in by_scheme and credential is not None and not credential.is_identity_token:
            return credential.basic
        if "basic" in by_scheme:
            raise self._denied("it requires a user and a password, and none are configured")
        raise self._denied("it requires an authentication scheme other than Bearer and Basic")

    def _token(self, challenge: Challenge, credential: Credential | None, scope: str) -> str:
        root = self._addresses.root(self._host)
        realm = self._addresses.followed(root, challenge.parameters.get("realm", ""), what="token server")
        service = challenge.parameters.get("service", "")
        if credential is not None and credential.is_identity_token:
            form = {"service": service, "scope": scope, "client_id": _CLIENT}
            form |= {"grant_type": "refresh_token", "refresh_token": credential.secret}
            request = httpx.Request("POST", realm, data=form)
        else:
            separator = "&" if "?" in realm else "?"
            headers = {} if credential is None else {"Authorization": credential.basic}
            query = urlencode([("service", service), *(("scope", each) for each in scope.split())])
            request = httpx.Request("GET", f"{realm}{separator}{query}", headers=headers)
        status, body = self._exchange(request)
        if status in {400, 401, 403}:
            reason = (
                "its token server rejects our credentials" if credential else "its token server requires credentials"
            )
            raise self._denied(f"{reason} ({status})")
        if status != 200:
            raise Unavailable(f"the token server of {self._host} responded with {status}", code="registry_unavailable")
        return self._read(body)

    def _read(self, body: bytes) -> str:
        try:
            document: Any = json.loads(body)
        except (ValueError, RecursionError):
            document = None
        token = (document.get("token") or document.get("access_token")) if isinstance(document, dict) else None
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise Unavailable(f"the token server of {self._host} sent no token", code="registry_unavailable")
        return token

    def _denied(self, why: str) -> Invalid:
        return Invalid(f"the registry {self._host} denies access: {why}", code="registry_denied")
