"""Deployments: the list, and one with its replicas, drift, log, and what changes it."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from modelyard.console.addresses import PREFIX
from modelyard.console.api import at
from modelyard.console.forms import Form
from modelyard.console.rendering import Pages
from modelyard.console.routing import PAGE_ROWS, ApiOf, page_router
from modelyard.errors import Invalid
from modelyard.paging import MAX_CURSOR

_PATH = f"{PREFIX}/deployments"
_API = "/api/v1/deployments"
_STATUSES = ("pending", "starting", "ready", "degraded", "draining", "stopped", "failed")
_CHANGES = ("replicas", "version")


def deployment_routes(pages: Pages) -> APIRouter:
    """`/console/deployments`."""
    router = page_router(pages)

    @router.get(_PATH)
    async def deployments(
        request: Request,
        api: ApiOf,
        model_name: str = "",
        target: str = "",
        status: str = "",
        cursor: Annotated[str, Query(max_length=MAX_CURSOR)] = "",
    ) -> Response:
        query = {"model_name": model_name, "target": target, "status": status, "cursor": cursor}
        page = await api.get(_API, {**query, "limit": PAGE_ROWS})
        return pages.render(request, "deployments/list.html", {"page": page, "query": query, "statuses": _STATUSES})

    @router.get(f"{_PATH}/{{deployment_id}}")
    async def deployment(request: Request, api: ApiOf, deployment_id: str) -> Response:
        where = at(_API, deployment_id)
        found = await api.get(where)
        parts = await api.parts(drift=("Drift", api.get(f"{where}/drift")))
        return pages.render(request, "deployments/one.html", {"it": found, "parts": parts})

    @router.post(f"{_PATH}/{{deployment_id}}/change")
    async def change(api: ApiOf, deployment_id: str, form: Form) -> Response:
        """Replicas or the version, whichever the form names."""
        wanted = {name: _whole_number(name, form[name]) for name in _CHANGES if form.get(name)}
        await api.patch(at(_API, deployment_id), dict(wanted))
        return pages.go(at(_PATH, deployment_id))

    @router.post(f"{_PATH}/{{deployment_id}}/stop")
    async def stop(api: ApiOf, deployment_id: str) -> Response:
        await api.delete(at(_API, deployment_id))
        return pages.go(at(_PATH, deployment_id))

    return router


def _whole_number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise Invalid(f"{name}: expected a whole number, got {text[:40]!r}", code="form_invalid", field=name)
    return int(text)
