"""Schedules: what is trained again, when; one with its runs; the form that makes one; what pauses, runs and ends it."""

from typing import Any

from fastapi import Request, Response

from modelyard.console.addresses import PREFIX
from modelyard.console.api import Api, ApiError, at
from modelyard.console.confirmation import Removal, confirm
from modelyard.console.deployment_forms import schedule_of
from modelyard.console.forms import Form
from modelyard.console.lists import ListPage, add_list
from modelyard.console.rendering import Pages
from modelyard.console.routing import ApiOf, as_api_error, page_router
from modelyard.errors import Invalid, NotFound
from modelyard.http.routing import APIRouter

_PATH = f"{PREFIX}/schedules"
_API = "/api/v1/schedules"
_COMMANDS = ("pause", "resume", "run")
_LIST = ListPage(path=_PATH, of=_API, template="schedules/list.html", filters={"model_name": ""})


def schedule_routes(pages: Pages) -> APIRouter:
    """`/console/schedules`."""
    router = page_router(pages)
    add_list(router, pages, _LIST)
    _add_forms(router, pages)

    @router.get(f"{_PATH}/{{schedule_id}}")
    async def schedule(request: Request, api: ApiOf, schedule_id: str) -> Response:
        return pages.render(request, "schedules/one.html", await _one(api, schedule_id))

    @router.get(f"{_PATH}/{{schedule_id}}/delete")
    async def ask_to_delete(request: Request, api: ApiOf, schedule_id: str) -> Response:
        found = await api.get(at(_API, schedule_id))
        removal = Removal(
            heading=f"Delete the schedule of {found['model_name']}?",
            loss="It makes no run any more, and its list of runs is gone. Jobs that it has made go on.",
            facts=[("When", found["cron"] or found["event"] or "new data is announced"), ("By", found["created_by"])],
            button="Delete the schedule",
            permission="jobs:write",
            back=at(_PATH, schedule_id),
        )
        return confirm(pages, request, removal)

    @router.post(f"{_PATH}/{{schedule_id}}/delete")
    async def delete(api: ApiOf, schedule_id: str) -> Response:
        await api.delete(at(_API, schedule_id))
        return pages.go(_PATH)

    @router.post(f"{_PATH}/{{schedule_id}}/{{command}}")
    async def act(api: ApiOf, schedule_id: str, command: str) -> Response:
        if command not in _COMMANDS:
            raise NotFound(f"a schedule has no command '{command[:40]}'", code="not_found")
        await api.post(f"{at(_API, schedule_id)}/{command}")
        return pages.go(at(_PATH, schedule_id))

    return router


def _add_forms(router: APIRouter, pages: Pages) -> None:
    @router.get(f"{_PATH}/new")
    async def form_of_a_schedule(request: Request, model: str = "") -> Response:
        return pages.render(request, "schedules/new.html", {"filled": {"model_name": model}, "error": None})

    @router.post(f"{_PATH}/new")
    async def make(request: Request, api: ApiOf, form: Form) -> Response:
        try:
            made = await api.post(_API, schedule_of(form))
        except (ApiError, Invalid) as exc:
            error = as_api_error(exc)
            return pages.render(request, "schedules/new.html", {"filled": form, "error": error}, status=error.status)
        if made["address"] is None:
            return pages.go(at(_PATH, str(made["schedule_id"])))
        context = await _one(api, str(made["schedule_id"]))
        return pages.render(request, "schedules/one.html", {**context, "address_of_data": made["address"]})


async def _one(api: Api, schedule_id: str) -> dict[str, Any]:
    return {"it": await api.get(at(_API, schedule_id)), "address_of_data": None}
