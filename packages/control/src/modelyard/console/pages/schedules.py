"""Schedules: what is trained again, when, and the buttons that pause, resume and run one."""

from typing import Annotated

from fastapi import Query, Request, Response

from modelyard.console.addresses import PREFIX
from modelyard.console.api import at
from modelyard.console.rendering import Pages
from modelyard.console.routing import PAGE_ROWS, ApiOf, page_router
from modelyard.errors import NotFound
from modelyard.http.routing import APIRouter
from modelyard.paging import MAX_CURSOR

_PATH = f"{PREFIX}/schedules"
_API = "/api/v1/schedules"
_COMMANDS = ("pause", "resume", "run")


def schedule_routes(pages: Pages) -> APIRouter:
    """`/console/schedules`."""
    router = page_router(pages)

    @router.get(_PATH)
    async def schedules(
        request: Request,
        api: ApiOf,
        model_name: str = "",
        cursor: Annotated[str, Query(max_length=MAX_CURSOR)] = "",
    ) -> Response:
        query = {"model_name": model_name, "cursor": cursor}
        page = await api.get(_API, {**query, "limit": PAGE_ROWS})
        return pages.render(request, "schedules/list.html", {"page": page, "query": query})

    @router.post(f"{_PATH}/{{schedule_id}}/{{command}}")
    async def act(api: ApiOf, schedule_id: str, command: str) -> Response:
        if command not in _COMMANDS:
            raise NotFound(f"a schedule has no command '{command[:40]}'", code="not_found")
        await api.post(f"{at(_API, schedule_id)}/{command}")
        return pages.go(_PATH)

    return router
