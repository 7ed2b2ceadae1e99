"""Deployments: the list, and one with its replicas, drift, log, and what changes it."""

from fastapi import Request, Response

from modelyard.console.addresses import PREFIX
from modelyard.console.api import at
from modelyard.console.form_numbers import whole_number
from modelyard.console.forms import Form
from modelyard.console.lists import ListPage, add_list
from modelyard.console.pages.trying import as_example, example_of
from modelyard.console.rendering import Pages
from modelyard.console.routing import ApiOf, page_router
from modelyard.http.routing import APIRouter

_PATH = f"{PREFIX}/deployments"
_API = "/api/v1/deployments"
_STATUSES = ("pending", "starting", "ready", "degraded", "draining", "stopped", "failed")
_LIST = ListPage(
    path=_PATH,
    of=_API,
    template="deployments/list.html",
    filters={"model_name": "", "target": "", "status": ""},
    words={"statuses": _STATUSES},
)
_CHANGES = ("replicas", "version")


def deployment_routes(pages: Pages) -> APIRouter:
    """`/console/deployments`."""
    router = page_router(pages)
    add_list(router, pages, _LIST)

    @router.get(f"{_PATH}/{{deployment_id}}")
    async def deployment(request: Request, api: ApiOf, deployment_id: str) -> Response:
        where = at(_API, deployment_id)
        found = await api.get(where)
        parts = await api.parts(
            drift=("Drift", api.get(f"{where}/drift")), example=("Example", api.get(example_of(found)))
        )
        context = {"it": found, "parts": parts, **as_example(found, parts["example"].value)}
        return pages.render(request, "deployments/one.html", context)

    @router.post(f"{_PATH}/{{deployment_id}}/change")
    async def change(api: ApiOf, deployment_id: str, form: Form) -> Response:
        """Replicas or the version, whichever the form names."""
        wanted = {name: whole_number(name, form[name]) for name in _CHANGES if form.get(name)}
        await api.patch(at(_API, deployment_id), dict(wanted))
        return pages.go(at(_PATH, deployment_id))

    return router
