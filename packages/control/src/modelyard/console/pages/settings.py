"""Settings: where they begin, the platform's own page, and the shape of the pages that are a list with a form below."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import Depends, Request, Response

from modelyard.console.addresses import PREFIX
from modelyard.console.api import Api, ApiError, Json
from modelyard.console.lists import ListPage, render_list
from modelyard.console.rendering import Pages
from modelyard.console.routing import ApiOf, page_router
from modelyard.errors import NotFound
from modelyard.http.known_queries import passes_query_on
from modelyard.http.routing import APIRouter
from modelyard.paging import MAX_LIMIT

SETTINGS = f"{PREFIX}/settings"
_MOST_PAGES = 25


def settings_routes(pages: Pages) -> APIRouter:
    """`/console/settings`."""
    router = page_router(pages)

    @router.get(SETTINGS)
    async def settings() -> Response:
        return pages.go(f"{SETTINGS}/members")

    @router.get(f"{SETTINGS}/platform")
    async def platform(request: Request, api: ApiOf) -> Response:
        parts = await api.parts(
            me=("Who you are", api.get("/api/v1/access/whoami")), status=("Platform", api.get("/mlops/status"))
        )
        return pages.render(request, "settings/platform.html", {"parts": parts})

    return router


class ListWithForm:
    """A list with a form below, which makes one more.

    Args:
        shown: the list; what the form makes is posted to its path of the API.
    """

    def __init__(self, pages: Pages, shown: ListPage) -> None:
        self._pages = pages
        self._shown = shown

    def add(self, router: APIRouter) -> None:
        """The route that shows it."""

        @router.get(self._shown.path, dependencies=[Depends(passes_query_on)])
        async def show(request: Request, api: ApiOf) -> Response:
            return await self.show(request, api)

    async def show(
        self,
        request: Request,
        api: Api,
        *,
        made: str | None = None,
        failed: tuple[ApiError, Mapping[str, str]] | None = None,
    ) -> Response:
        """The page; with the secret of what was just made, or with what was refused."""
        query = self._shown.asked(request)
        page = await api.get(self._shown.of, self._shown.question(query))
        error, filled = failed or (None, {})
        status = HTTPStatus.OK if error is None else error.status
        context = {"made": made, "error": error, "filled": filled}
        return render_list(self._pages, request, self._shown, page, query, status=status, **context)

    async def make(self, request: Request, api: Api, form: Mapping[str, str], body: dict[str, Any]) -> Response:
        """Make one; a secret is on the page that follows, and on no other."""
        try:
            made = await api.post(self._shown.of, body)
        except ApiError as error:
            return await self.show(request, api, failed=(error, form))
        if "secret" in made:
            return await self.show(request, api, made=str(made["secret"]))
        return self._pages.go(self._shown.path)


async def find_in_list(api: Api, path: str, of: str, **wanted: str) -> Json:
    """One of a list of which the API shows pages only, so that what is removed is named as it is.

    Args:
        of: the field of the API's answer that has the list.

    Raises:
        NotFound: none is like that.
        ApiError: the API refused.
    """
    cursor = ""
    for _ in range(_MOST_PAGES):
        page = await api.get(path, {"limit": MAX_LIMIT, "cursor": cursor})
        for one in page[of]:
            if all(one[name] == value for name, value in wanted.items()):
                return dict(one)
        if not (cursor := page["next_cursor"] or ""):
            break
    raise NotFound(f"there is nothing of the name '{next(iter(wanted.values()))[:80]}'", code="not_found")
