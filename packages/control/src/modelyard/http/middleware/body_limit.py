"""Refuses a body that is larger than the limit, by its declared length at once, else as soon as it has come too far."""

from collections.abc import Mapping
from types import MappingProxyType

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from modelyard.errors import TooLarge
from modelyard.http.errors import error_response
from modelyard.http.request_ids import request_id_of

_DIGITS = 18


class BodyLimit:
    """Lets `limit` bytes of body pass.

    Args:
        streamed: paths' beginnings, with their own limit, of routes that take a body piece by piece and count it
            themselves: it never stands in memory.
    """

    def __init__(self, app: ASGIApp, *, limit: int, streamed: Mapping[str, int] = MappingProxyType({})) -> None:
        self._app = app
        self._limit = limit
        self._streamed = streamed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, counting."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = next((most for path, most in self._streamed.items() if scope["path"].startswith(path)), self._limit)
        sentence = f"the body is larger than {limit} bytes"
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and (len(declared) > _DIGITS or int(declared) > limit):
            error = TooLarge(sentence, code="body_too_large")
            await error_response(error, request_id=request_id_of(scope))(scope, receive, send)
            return
        taken = 0

        async def receive_counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > limit:
                # The one exception that FastAPI does not take for a body that it cannot parse.
                raise HTTPException(413, sentence)
            return message

        await self._app(scope, receive_counted, send)
