"""Login at an identity provider: the way there, the way back, and the end of its own session.

What a login must bring back is kept in a cookie of the browser that began it, for ten minutes and for one try.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from http import HTTPStatus
from typing import Protocol

from anyio import to_thread
from fastapi import Depends, Request, Response
from fastapi.responses import RedirectResponse

from modelyard.console.addresses import CALLBACK, IDENTITY, LEAVE, LOGIN
from modelyard.console.policy import PAGE_OF_LOGIN
from modelyard.console.rendering import Pages
from modelyard.console.session import with_session
from modelyard.errors import ModelyardError
from modelyard.http.errors import STATUS
from modelyard.http.known_queries import passes_query_on
from modelyard.http.routing import APIRouter
from modelyard.ports.identity import PendingLogin

PUBLIC = frozenset({IDENTITY, CALLBACK, LEAVE})
COOKIE = "modelyard_login"
_SECONDS = 600
_MOST_WANTED = 1500
"""Characters of the address to come back to; a cookie has 4,096 bytes."""


class Identity(Protocol):
    """Logs people in with an identity provider."""

    @property
    def title(self) -> str:
        """Where people log in, for people."""

    def begin(self, *, return_to: str) -> tuple[str, PendingLogin]:
        """Where a browser logs in, and what it must keep until it comes back. It may block.

        Raises:
            ModelyardError: the identity provider does not answer.
        """

    def finish(self, login: PendingLogin, answer: Mapping[str, str], *, return_to: str, address: str | None) -> str:
        """Open a session with what a browser brought back; gives the session's secret. It may block.

        Raises:
            ModelyardError: it lets nobody in.
        """

    def logout_url(self, *, return_to: str) -> str | None:
        """Where a browser ends the identity provider's own session, if there is such a place. It may block.

        Raises:
            ModelyardError: the identity provider does not answer.
        """


class LoginPage:
    """The page on which people log in.

    Args:
        provider: the identity provider's name, if there is one.
    """

    def __init__(self, pages: Pages, provider: str | None) -> None:
        self._pages = pages
        self._provider = provider

    def __call__(
        self, request: Request, *, wanted: str = "", error: ModelyardError | None = None, is_identity: bool = False
    ) -> Response:
        """Show it; with what was refused."""
        context = {
            "wanted": wanted,
            "error": None if error is None else error.message,
            "is_identity": is_identity,
            "provider": self._provider,
        }
        status = HTTPStatus.OK if error is None else STATUS[error.kind]
        return self._pages.render(request, "login/login.html", context, status=status, is_open=True)


def identity_routes(pages: Pages, identity: Identity, show: LoginPage) -> APIRouter:
    """`/console/login/identity` leads away, `/console/login/callback` back, `/console/login/leave` out."""
    router, addresses = APIRouter(include_in_schema=False), pages.addresses
    path = addresses.to(LOGIN)

    @router.get(IDENTITY)
    async def leave_to_log_in(request: Request, next: str = "") -> Response:  # noqa: A002  # The query's own name.
        try:
            place, login = await to_thread.run_sync(partial(identity.begin, return_to=_at(request, pages, CALLBACK)))
        except ModelyardError as exc:
            return show(request, wanted=next, error=exc, is_identity=True)
        answer = RedirectResponse(place, HTTPStatus.SEE_OTHER, headers=PAGE_OF_LOGIN)
        answer.set_cookie(
            COOKIE,
            _kept(login, next),
            max_age=_SECONDS,
            path=path,
            httponly=True,
            samesite="lax",
            secure=request.url.scheme == "https",
        )
        return answer

    @router.get(CALLBACK, dependencies=[Depends(passes_query_on)])
    async def come_back(request: Request) -> Response:
        login, wanted = _pending(request.cookies.get(COOKIE, ""))
        finish = partial(
            identity.finish,
            login,
            dict(request.query_params),
            return_to=_at(request, pages, CALLBACK),
            address=request.client.host if request.client else None,
        )
        try:
            answer: Response = with_session(request, addresses, await to_thread.run_sync(finish), wanted=wanted)
        except ModelyardError as exc:
            answer = show(request, wanted=wanted, error=exc, is_identity=True)
        answer.delete_cookie(COOKIE, path=path)
        answer.headers.update(PAGE_OF_LOGIN)
        return answer

    @router.get(LEAVE)
    async def leave(request: Request) -> Response:
        try:
            place = await to_thread.run_sync(partial(identity.logout_url, return_to=_at(request, pages, LOGIN)))
        except ModelyardError as exc:
            return show(request, error=exc, is_identity=True)
        return pages.go(LOGIN) if place is None else RedirectResponse(place, HTTPStatus.SEE_OTHER)

    return router


def _at(request: Request, pages: Pages, path: str) -> str:
    """A page's address with its origin, as the identity provider knows it. The name of the host was checked."""
    return f"{request.url.scheme}://{request.url.netloc}{pages.addresses.to(path)}"


def _kept(login: PendingLogin, wanted: str) -> str:
    fields = {**asdict(login), "next": wanted if len(wanted) <= _MOST_WANTED else ""}
    return base64.urlsafe_b64encode(json.dumps(fields).encode()).decode()


def _pending(cookie: str) -> tuple[PendingLogin, str]:
    """What the cookie says; without one, a login that nothing finishes."""
    try:
        fields = json.loads(base64.urlsafe_b64decode(cookie.encode()))
        texts = [fields[name] for name in ("state", "nonce", "verifier", "next")]
    except (ValueError, KeyError, TypeError):
        return PendingLogin.new(), ""
    if not all(isinstance(text, str) for text in texts) or not all(texts[:3]):
        return PendingLogin.new(), ""
    state, nonce, verifier, wanted = texts
    return PendingLogin(state=state, nonce=nonce, verifier=verifier), wanted
