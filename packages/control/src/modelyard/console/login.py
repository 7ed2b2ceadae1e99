"""Login and logout, and which colours somebody wants. Shown to everybody."""

from http import HTTPStatus

from anyio import to_thread
from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from modelyard.console.addresses import LOGIN, LOGOUT, PREFIX, THEME
from modelyard.console.forms import Form
from modelyard.console.identity_login import PUBLIC as IDENTITY_PATHS
from modelyard.console.identity_login import LoginPage
from modelyard.console.rendering import THEME_COOKIE, THEMES, Pages
from modelyard.console.session import COOKIE, Sessions, with_session
from modelyard.errors import ModelyardError
from modelyard.http.routing import APIRouter

PUBLIC = frozenset({LOGIN, LOGOUT, THEME, *IDENTITY_PATHS})
_YEAR_SECONDS = 365 * 24 * 3600


def login_routes(pages: Pages, sessions: Sessions, show: LoginPage) -> APIRouter:
    """A token opens a session, whose secret only the browser has."""
    router = APIRouter(include_in_schema=False)
    cookie_path = pages.addresses.to(PREFIX)

    @router.get(LOGIN)
    async def page(request: Request, next: str = "") -> Response:  # noqa: A002  # The query's own name.
        if sessions.asks_nobody:
            return pages.go(PREFIX)
        return show(request, wanted=next)

    @router.post(LOGIN)
    async def log_in(request: Request, form: Form) -> Response:
        wanted = form.get("next", "")
        address = request.client.host if request.client else None

        def open_session() -> str:
            secret, _ = sessions.open(form.get("token", "").strip(), address=address)
            return secret

        try:
            secret = await to_thread.run_sync(open_session)
        except ModelyardError as exc:
            return show(request, wanted=wanted, error=exc)
        return with_session(request, pages.addresses, secret, wanted=wanted)

    @router.post(LOGOUT)
    async def log_out(request: Request) -> Response:
        secret = request.cookies.get(COOKIE)
        if secret is not None:
            await to_thread.run_sync(sessions.close, secret)
        answer = pages.go(LOGIN)
        answer.delete_cookie(COOKIE, path=cookie_path)
        answer.headers["Clear-Site-Data"] = '"cache"'
        return answer

    @router.post(THEME)
    async def choose_theme(form: Form) -> Response:
        answer = RedirectResponse(pages.addresses.back_to(form.get("next", "")), HTTPStatus.SEE_OTHER)
        theme = form.get("theme", "")
        if theme in THEMES:
            answer.set_cookie(THEME_COOKIE, theme, path=cookie_path, max_age=_YEAR_SECONDS, samesite="lax")
        else:
            answer.delete_cookie(THEME_COOKIE, path=cookie_path)
        return answer

    return router
