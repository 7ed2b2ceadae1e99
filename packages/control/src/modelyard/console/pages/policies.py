"""What it takes to get into production: the models with their policies, and one policy read, explained and changed."""

from collections.abc import Mapping

from fastapi import Request, Response

from modelyard.console.addresses import PREFIX
from modelyard.console.api import Api, ApiError, at
from modelyard.console.form_numbers import whole_number
from modelyard.console.forms import Form
from modelyard.console.lists import ListPage, add_list
from modelyard.console.pages.settings import SETTINGS
from modelyard.console.policy_forms import policy_as_filled, policy_of, rows_of
from modelyard.console.rendering import Pages
from modelyard.console.routing import ApiOf, as_api_error, page_router
from modelyard.errors import Invalid
from modelyard.http.routing import APIRouter

_MODELS = "/api/v1/ml/registry/models"
_ONE = f"{PREFIX}/models/{{name}}/policy"
_LIST = ListPage(
    path=f"{SETTINGS}/policies",
    of=_MODELS,
    template="settings/policies.html",
    filters={"text": ""},
)


def policy_routes(pages: Pages) -> APIRouter:
    """`/console/settings/policies` and `/console/models/{name}/policy`."""
    router = page_router(pages)
    add_list(router, pages, _LIST)

    async def show(
        request: Request, api: Api, name: str, failed: tuple[ApiError, Mapping[str, str]] | None = None
    ) -> Response:
        found = await api.get(f"{at(_MODELS, name)}/policy")
        parts = await api.parts(
            requests=("Approvals", api.get("/api/v1/ml/registry/requests", {"name": name, "status": "requested"}))
        )
        error, filled = failed or (None, policy_as_filled(found["policy"]))
        context = {**found, "parts": parts, "error": error, "filled": filled, "rows": rows_of(filled)}
        return pages.render(request, "models/policy.html", context, status=200 if error is None else error.status)

    @router.get(_ONE)
    async def policy(request: Request, api: ApiOf, name: str) -> Response:
        return await show(request, api, name)

    @router.post(_ONE)
    async def change(request: Request, api: ApiOf, name: str, form: Form) -> Response:
        try:
            revision = whole_number("revision", form.get("revision", ""))
            await api.put(f"{at(_MODELS, name)}/policy", policy_of(form), revision=revision)
        except (ApiError, Invalid) as exc:
            return await show(request, api, name, (as_api_error(exc), form))
        return pages.go(f"{at(f'{PREFIX}/models', name)}/policy")

    return router
