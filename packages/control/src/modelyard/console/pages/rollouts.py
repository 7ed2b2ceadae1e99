"""Roll-outs: the list, and one with its steps, weights and findings, and what pauses, promotes or aborts it."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from modelyard.console.addresses import PREFIX
from modelyard.console.api import at
from modelyard.console.forms import Form
from modelyard.console.rendering import Pages
from modelyard.console.routing import PAGE_ROWS, ApiOf, page_router
from modelyard.errors import NotFound
from modelyard.paging import MAX_CURSOR

_PATH = f"{PREFIX}/rollouts"
_API = "/api/v1/rollouts"
_STATUSES = ("pending", "running", "paused", "waiting", "warm", "done", "rolling_back", "rolled_back")
_COMMANDS = ("pause", "resume", "promote", "abort")


def rollout_routes(pages: Pages) -> APIRouter:
    """`/console/rollouts`."""
    router = page_router(pages)

    @router.get(_PATH)
    async def rollouts(
        request: Request,
        api: ApiOf,
        name: str = "",
        status: str = "",
        cursor: Annotated[str, Query(max_length=MAX_CURSOR)] = "",
    ) -> Response:
        query = {"name": name, "status": status, "cursor": cursor}
        page = await api.get(_API, {**query, "limit": PAGE_ROWS})
        return pages.render(request, "rollouts/list.html", {"page": page, "query": query, "statuses": _STATUSES})

    @router.get(f"{_PATH}/{{rollout_id}}")
    async def rollout(request: Request, api: ApiOf, rollout_id: str) -> Response:
        found = await api.get(at(_API, rollout_id))
        return pages.render(request, "rollouts/one.html", {"it": found})

    @router.post(f"{_PATH}/{{rollout_id}}/{{command}}")
    async def act(api: ApiOf, rollout_id: str, command: str, form: Form) -> Response:
        if command not in _COMMANDS:
            raise NotFound(f"a roll-out has no command '{command[:40]}'", code="not_found")
        await api.post(f"{at(_API, rollout_id)}/{command}", {"reason": form.get("reason", "")})
        return pages.go(at(_PATH, rollout_id))

    return router
