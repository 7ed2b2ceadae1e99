"""Finds out who calls before anything of the request is read. Only the paths of `PUBLIC` are open to everybody."""

from functools import partial

from anyio import to_thread
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from modelyard.access.domain import Principal
from modelyard.access.service import AccessService
from modelyard.errors import ModelyardError
from modelyard.http.docs import DOCS_PATHS
from modelyard.http.errors import error_response
from modelyard.http.middleware.request_id import request_id_of

PUBLIC = DOCS_PATHS | {"/health/live", "/health/ready", "/openapi.json"}
_KEY = "modelyard.principal"


def principal_of(scope: Scope) -> Principal:
    """The caller of a request that went through the middleware and is not public."""
    principal: Principal = scope[_KEY]
    return principal


class Authentication:
    """Puts the caller's principal into the scope, or answers 401."""

    def __init__(self, app: ASGIApp, *, access: AccessService) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on if the caller is known."""
        if scope["type"] == "http" and scope["path"] not in PUBLIC:
            header = Headers(scope=scope).get("authorization")
            address = scope["client"][0] if scope.get("client") else None
            try:
                scope[_KEY] = await to_thread.run_sync(partial(self._access.authenticate, header, address=address))
            except ModelyardError as exc:
                await error_response(exc, request_id=request_id_of(scope))(scope, receive, send)
                return
        await self._app(scope, receive, send)
