"""Answers a caller who was just authenticated what can be told before a route is looked for (http/told.py)."""

from starlette.types import ASGIApp, Receive, Scope, Send

from modelyard.http.middleware.authentication import is_authenticated, principal_of
from modelyard.http.middleware.kept_answers import keep
from modelyard.http.told import TellsAtOnce


class AtOnce:
    """Passes on what is the routes' to answer."""

    def __init__(self, app: ASGIApp, *, tell: TellsAtOnce) -> None:
        self._app = app
        self._tell = tell

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a GET, or pass the request on."""
        if scope["type"] == "http" and scope["method"] == "GET" and is_authenticated(scope):
            told = await self._tell(principal_of(scope), scope["path"], scope["query_string"])
            if told is not None:
                keep(scope)
                await told.response()(scope, receive, send)
                return
        await self._app(scope, receive, send)
