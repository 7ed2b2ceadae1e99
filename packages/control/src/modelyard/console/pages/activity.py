"""What happened: the audit log, whether its chain is whole, and its export."""

from typing import Annotated

from fastapi import Query, Request, Response

from modelyard.console.addresses import PREFIX
from modelyard.console.rendering import Pages
from modelyard.console.routing import PAGE_ROWS, ApiOf, page_router
from modelyard.http.routing import APIRouter
from modelyard.paging import MAX_CURSOR

_PATH = f"{PREFIX}/activity"
_API = "/api/v1/audit"


def activity_routes(pages: Pages) -> APIRouter:
    """`/console/activity`."""
    router = page_router(pages)

    @router.get(_PATH)
    async def activity(
        request: Request,
        api: ApiOf,
        model: str = "",
        actor: str = "",
        action: str = "",
        subject: str = "",
        cursor: Annotated[str, Query(max_length=MAX_CURSOR)] = "",
    ) -> Response:
        query = {"model": model, "actor": actor, "action": action, "subject": subject, "cursor": cursor}
        page = await api.get(_API, {**query, "limit": PAGE_ROWS})
        return pages.render(request, "activity/list.html", {"page": page, "query": query, "chain": None})

    @router.get(f"{_PATH}/verify")
    async def verify(request: Request, api: ApiOf) -> Response:
        chain = await api.get(f"{_API}/verify")
        page = await api.get(_API, {"limit": PAGE_ROWS})
        query: dict[str, str | int | None] = {"model": "", "actor": "", "action": "", "subject": "", "cursor": ""}
        return pages.render(request, "activity/list.html", {"page": page, "query": query, "chain": chain})

    return router
