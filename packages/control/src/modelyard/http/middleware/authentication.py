"""Finds out who calls before anything of the request is read. Only the paths of `PUBLIC` are open to everybody."""

from collections.abc import Mapping
from functools import partial

from anyio import to_thread
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from modelyard.db import Database
from modelyard.errors import ModelyardError
from modelyard.http.authenticator import Authenticator
from modelyard.http.docs import DOCS_PATHS
from modelyard.http.errors import error_response
from modelyard.http.request_ids import request_id_of
from modelyard.principals import Principal

ANNOUNCEMENTS = "/api/v1/announcements"
"""Where other systems say that new data is there. The address that they have holds a secret of its own."""
PUBLIC = DOCS_PATHS | {"/health/live", "/health/ready", "/openapi.json", ANNOUNCEMENTS}
_KEY = "modelyard.principal"
_CHANGE_NUMBER = "modelyard.change_number"


def principal_of(scope: Scope) -> Principal:
    """The caller of a request that went through the middleware and is not public."""
    principal: Principal = scope[_KEY]
    return principal


def as_principal(principal: Principal) -> Mapping[str, Principal]:
    """What a scope of the process's own making holds, so that the request is this caller's. No client can send it."""
    return {_KEY: principal}


def change_number_of(scope: Scope) -> int | None:
    """The number of changes when the request came in; None when the database did not answer, or was not asked."""
    number: int | None = scope.get(_CHANGE_NUMBER)
    return number


def caller_of(scope: Scope) -> tuple[str | None, str | None]:
    """The `Authorization` header and the address that a request comes with."""
    return Headers(scope=scope).get("authorization"), scope["client"][0] if scope.get("client") else None


class Authentication:
    """Puts the caller's principal into the scope, or answers 401. A caller in the cache costs no thread.

    Args:
        public: paths that are open to everybody, besides those of `PUBLIC`.
    """

    def __init__(
        self, app: ASGIApp, *, access: Authenticator, database: Database, public: frozenset[str] = frozenset()
    ) -> None:
        self._app = app
        self._access = access
        self._database = database
        self._public = PUBLIC | public

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on if the caller is known."""
        if scope["type"] == "http" and scope["path"] not in self._public and _KEY not in scope:
            try:
                scope[_KEY] = await self._principal(scope)
            except ModelyardError as exc:
                await error_response(exc, request_id=request_id_of(scope))(scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _principal(self, scope: Scope) -> Principal:
        header, address = caller_of(scope)
        number = scope[_CHANGE_NUMBER] = await self._database.change_number()
        if number is not None:
            cached = self._access.cached_principal(header, address=address)
            if cached is not None and cached.change_number == number:
                return cached.principal
        authenticate = partial(self._access.authenticate, header, address=address, change_number=number)
        return await to_thread.run_sync(authenticate)
