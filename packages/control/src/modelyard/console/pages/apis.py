"""APIs of the gateway: the list, and one with its revisions and releases."""

from typing import Annotated

from fastapi import Query, Request, Response

from modelyard.console.addresses import PREFIX
from modelyard.console.api import at
from modelyard.console.rendering import Pages
from modelyard.console.routing import PAGE_ROWS, ApiOf, page_router
from modelyard.http.routing import APIRouter
from modelyard.paging import MAX_CURSOR

_PATH = f"{PREFIX}/apis"
_API = "/api/v1/gateway/apis"


def api_routes(pages: Pages) -> APIRouter:
    """`/console/apis`."""
    router = page_router(pages)

    @router.get(_PATH)
    async def apis(request: Request, api: ApiOf, cursor: Annotated[str, Query(max_length=MAX_CURSOR)] = "") -> Response:
        page = await api.get(_API, {"cursor": cursor, "limit": PAGE_ROWS})
        return pages.render(request, "apis/list.html", {"page": page, "query": {"cursor": cursor}})

    @router.get(f"{_PATH}/{{api_id}}")
    async def one_api(request: Request, api: ApiOf, api_id: str) -> Response:
        where = at(_API, api_id)
        found = await api.get(where)
        parts = await api.parts(
            revisions=("Revisions", api.get(f"{where}/revisions")),
            releases=("Releases", api.get(f"{where}/releases", {"limit": PAGE_ROWS})),
        )
        return pages.render(request, "apis/one.html", {"it": found, "parts": parts})

    return router
