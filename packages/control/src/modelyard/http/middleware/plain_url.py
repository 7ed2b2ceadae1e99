"""Refuses an address that holds a NUL character: no name of ours does, and PostgreSQL answers it with an error."""

from starlette.types import ASGIApp, Receive, Scope, Send

from modelyard.errors import Invalid
from modelyard.http.errors import error_response
from modelyard.http.request_ids import request_id_of


class PlainUrl:
    """Lets requests pass whose path and query are text."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] == "http" and ("\x00" in scope["path"] or b"%00" in scope["query_string"]):
            error = Invalid("url: expected an address without NUL characters", code="request_invalid", field="url")
            await error_response(error, request_id=request_id_of(scope))(scope, receive, send)
            return
        await self._app(scope, receive, send)
