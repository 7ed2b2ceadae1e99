"""Refuses requests for a foreign `Host` and from foreign pages, before anything else of them is looked at."""

from starlette.types import ASGIApp, Receive, Scope, Send

from modelyard.errors import Forbidden
from modelyard.http.errors import error_response
from modelyard.http.request_ids import request_id_of
from modelyard.trusted_sources import TrustedSources

_POLICY_VIOLATION = 1008
"""RFC 6455, 7.4.1; a server that has not accepted the socket answers 403."""


class SourceCheck:
    """Lets pass what `sources` trusts, and what is no request (the server's own start and end)."""

    def __init__(self, app: ASGIApp, *, sources: TrustedSources) -> None:
        self._app = app
        self._sources = sources

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 403."""
        if scope["type"] != "lifespan":
            try:
                self._sources.check(scope.get("method", "GET"), scope["headers"])
            except Forbidden as exc:
                await _refuse(exc, scope, receive, send)
                return
        await self._app(scope, receive, send)


async def _refuse(error: Forbidden, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": _POLICY_VIOLATION, "reason": error.code})
        return
    await error_response(error, request_id=request_id_of(scope))(scope, receive, send)
