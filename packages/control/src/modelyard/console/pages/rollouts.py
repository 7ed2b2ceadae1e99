"""Roll-outs: the list, and one with its steps, weights and findings, and what pauses, promotes or aborts it."""

from fastapi import Request, Response

from modelyard.console.addresses import PREFIX
from modelyard.console.api import ApiError, at
from modelyard.console.forms import Form
from modelyard.console.lists import ListPage, add_list
from modelyard.console.pictures.evidence import evidence_picture
from modelyard.console.pictures.steps import stairs
from modelyard.console.rendering import Pages
from modelyard.console.rollout_forms import rollout_of
from modelyard.console.routing import ApiOf, as_api_error, page_router
from modelyard.errors import Invalid, NotFound
from modelyard.http.routing import APIRouter

_PATH = f"{PREFIX}/rollouts"
_API = "/api/v1/rollouts"
_STATUSES = ("pending", "running", "paused", "waiting", "warm", "done", "rolling_back", "rolled_back")
_LIST = ListPage(
    path=_PATH,
    of=_API,
    template="rollouts/list.html",
    filters={"name": "", "status": ""},
    words={"statuses": _STATUSES},
)
_COMMANDS = ("pause", "resume", "promote", "abort")


def rollout_routes(pages: Pages) -> APIRouter:
    """`/console/rollouts`."""
    router = page_router(pages)
    add_list(router, pages, _LIST)

    @router.get(f"{_PATH}/new")
    async def form_of_a_rollout(request: Request, name: str = "", version: str = "") -> Response:
        filled = {"name": name, "version": version}
        return pages.render(request, "rollouts/new.html", {"filled": filled, "error": None})

    @router.post(f"{_PATH}/new")
    async def begin(request: Request, api: ApiOf, form: Form) -> Response:
        try:
            begun = await api.post(_API, rollout_of(form))
        except (ApiError, Invalid) as exc:
            error = as_api_error(exc)
            return pages.render(request, "rollouts/new.html", {"filled": form, "error": error}, status=error.status)
        return pages.go(at(_PATH, str(begun["rollout_id"])))

    @router.get(f"{_PATH}/{{rollout_id}}")
    async def rollout(request: Request, api: ApiOf, rollout_id: str) -> Response:
        where = at(_API, rollout_id)
        parts = await api.parts(
            rollout=("Roll-out", api.get(where)),
            analysis=("Analysis", api.get(f"{where}/analysis")),
            comparison=("Shadow", api.get(f"{where}/comparison")),
        )
        found = parts.pop("rollout").needed()
        guardrails = (parts["analysis"].value or {"guardrails": []})["guardrails"]
        analysis = {one["guardrail"]: {**one, "picture": evidence_picture(one)} for one in guardrails}
        context = {"it": found, "parts": parts, "analysis": analysis, "stairs": stairs(found)}
        return pages.render(request, "rollouts/one.html", context)

    @router.post(f"{_PATH}/{{rollout_id}}/{{command}}")
    async def act(api: ApiOf, rollout_id: str, command: str, form: Form) -> Response:
        if command not in _COMMANDS:
            raise NotFound(f"a roll-out has no command '{command[:40]}'", code="not_found")
        await api.post(f"{at(_API, rollout_id)}/{command}", {"reason": form.get("reason", "")})
        return pages.go(at(_PATH, rollout_id))

    return router
