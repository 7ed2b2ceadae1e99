"""What happened: the audit log, whether its chain is whole, and its export."""

from fastapi import Request, Response

from modelyard.console.addresses import PREFIX
from modelyard.console.lists import ListPage, add_list, render_list
from modelyard.console.rendering import Pages
from modelyard.console.routing import ApiOf, page_router
from modelyard.http.routing import APIRouter

_PATH = f"{PREFIX}/activity"
_API = "/api/v1/audit"
_LIST = ListPage(
    path=_PATH,
    of=_API,
    template="activity/list.html",
    filters={"model": "", "actor": "", "action": "", "subject": ""},
    words={"chain": None},
)


def activity_routes(pages: Pages) -> APIRouter:
    """`/console/activity`."""
    router = page_router(pages)
    add_list(router, pages, _LIST)

    @router.get(f"{_PATH}/verify")
    async def verify(request: Request, api: ApiOf) -> Response:
        chain = await api.get(f"{_API}/verify")
        query = _LIST.asked(request)
        return render_list(pages, request, _LIST, await api.get(_API, _LIST.question(query)), query, chain=chain)

    return router
