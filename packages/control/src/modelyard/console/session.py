"""Who looks at a page: a session's cookie, which is valid below `/console` and nowhere else."""

from functools import partial
from http import HTTPStatus
from typing import Protocol

from anyio import to_thread
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from modelyard.console.addresses import LOGIN, PREFIX, Addresses
from modelyard.errors import Forbidden, ModelyardError, Unauthenticated
from modelyard.http.errors import error_response
from modelyard.http.middleware.authentication import as_principal
from modelyard.http.request_ids import request_id_of
from modelyard.principals import Principal

COOKIE = "modelyard_console"
_BY_ITSELF = "modelyard-live"


class Sessions(Protocol):
    """Opens sessions, knows who has one, and ends them."""

    @property
    def asks_nobody(self) -> bool:
        """Whether everybody is let in without a session."""

    def local(self) -> Principal:
        """Who everybody is where nobody is asked."""

    def open(self, token: str, *, address: str | None) -> tuple[str, Principal]:
        """Open a session with a token; gives the session's secret, and whose it is.

        Raises:
            ModelyardError: the token is not let in.
        """

    def principal(self, secret: str, *, is_use: bool = True) -> Principal:
        """Who has this session, with what they may now.

        Args:
            is_use: whether a person did something; else the session goes on being idle.

        Raises:
            Unauthenticated: it has ended.
            Forbidden: the tenant is suspended.
        """

    def close(self, secret: str) -> None:
        """End a session."""


class ConsoleSession:
    """Puts the session's principal into the scope of pages; who has none is led to the login.

    Args:
        public: the paths that need no session.
    """

    def __init__(self, app: ASGIApp, *, sessions: Sessions, addresses: Addresses, public: frozenset[str]) -> None:
        self._app = app
        self._sessions = sessions
        self._addresses = addresses
        self._public = public

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or lead to the login."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        if path == "/" and scope["method"] == "GET" and _is_browser(scope):
            await RedirectResponse(self._addresses.to(PREFIX), HTTPStatus.SEE_OTHER)(scope, receive, send)
            return
        if (path == PREFIX or path.startswith(f"{PREFIX}/")) and path not in self._public:
            try:
                scope = {**scope, **as_principal(await self._principal(scope))}
            except (Unauthenticated, Forbidden):
                await self._to_login(scope)(scope, receive, send)
                return
            except ModelyardError as exc:
                await error_response(exc, request_id=request_id_of(scope))(scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _principal(self, scope: Scope) -> Principal:
        if self._sessions.asks_nobody:
            return await to_thread.run_sync(self._sessions.local)
        secret = HTTPConnection(scope).cookies.get(COOKIE, "")
        ask = partial(self._sessions.principal, secret, is_use=not _is_by_itself(scope))
        return await to_thread.run_sync(ask)

    def _to_login(self, scope: Scope) -> Response:
        """A page leads there and back; what a script asked for is refused, and htmx goes there."""
        headers = Headers(scope=scope)
        login = self._addresses.to(LOGIN)
        if "hx-request" in headers:
            return Response(status_code=HTTPStatus.OK, headers={"HX-Redirect": login})
        if scope["method"] == "GET" and _is_browser(scope):
            query = scope["query_string"].decode("latin-1")
            wanted = self._addresses.to(scope["path"]) + (f"?{query}" if query else "")
            return RedirectResponse(self._addresses.to(LOGIN, next=wanted), HTTPStatus.SEE_OTHER)
        if scope["method"] == "POST":
            return RedirectResponse(login, HTTPStatus.SEE_OTHER)
        return PlainTextResponse("the session has ended: log in again", HTTPStatus.UNAUTHORIZED)


def with_session(request: Request, addresses: Addresses, secret: str, *, wanted: str) -> RedirectResponse:
    """Lead to the page that was wanted, with the cookie of a session that was opened."""
    answer = RedirectResponse(addresses.back_to(wanted), HTTPStatus.SEE_OTHER)
    answer.set_cookie(
        COOKIE,
        secret,
        path=addresses.to(PREFIX),
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
    return answer


def _is_by_itself(scope: Scope) -> bool:
    """Whether an open tab asks, without anybody there: it hears what happens, or shows a part of its page anew."""
    headers = Headers(scope=scope)
    return _BY_ITSELF in headers or "text/event-stream" in headers.get("accept", "")


def _is_browser(scope: Scope) -> bool:
    return "text/html" in Headers(scope=scope).get("accept", "")
