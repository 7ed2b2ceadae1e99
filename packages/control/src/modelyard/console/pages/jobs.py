"""Jobs: the list, one with its log as it comes, and the form that trains a script or deploys what it trains."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import Query, Request, Response

from modelyard.console.addresses import PREFIX
from modelyard.console.api import ApiError, at
from modelyard.console.forms import Form
from modelyard.console.rendering import Pages
from modelyard.console.routing import PAGE_ROWS, ApiOf, page_router
from modelyard.http.routing import APIRouter
from modelyard.paging import MAX_CURSOR

_PATH = f"{PREFIX}/jobs"
_API = "/mlops/jobs"
_STATUSES = ("queued", "running", "succeeded", "failed", "cancelled")
_KINDS = ("training", "one_click", "retraining", "deployment", "registration", "image", "import", "deletion")
_BEGINNINGS = {"train": "/mlops/training/upload", "deploy": "/mlops/deploy"}


def job_routes(pages: Pages) -> APIRouter:
    """`/console/jobs`."""
    router = page_router(pages)

    @router.get(_PATH)
    async def jobs(
        request: Request,
        api: ApiOf,
        kind: str = "",
        status: str = "",
        model_name: str = "",
        cursor: Annotated[str, Query(max_length=MAX_CURSOR)] = "",
    ) -> Response:
        query = {"kind": kind, "status": status, "model_name": model_name, "cursor": cursor}
        page = await api.get(_API, {**query, "limit": PAGE_ROWS})
        context = {"page": page, "query": query, "statuses": _STATUSES, "kinds": _KINDS}
        return pages.render(request, "jobs/list.html", context)

    @router.get(f"{_PATH}/new")
    async def form_of_a_script(request: Request, model: str = "") -> Response:
        return pages.render(request, "jobs/new.html", {"filled": {"model_name": model}, "error": None})

    @router.post(f"{_PATH}/new")
    async def begin(request: Request, api: ApiOf, form: Form) -> Response:
        try:
            begun = await api.post(_BEGINNINGS.get(form.get("what", ""), _BEGINNINGS["train"]), _script(form))
        except ApiError as error:
            return pages.render(request, "jobs/new.html", {"filled": form, "error": error}, status=error.status)
        return pages.go(at(_PATH, str(begun["job_id"])))

    @router.get(f"{_PATH}/{{job_id}}")
    async def job(request: Request, api: ApiOf, job_id: str) -> Response:
        found = await api.get(at(_API, job_id))
        return pages.render(request, "jobs/one.html", {"job": found})

    @router.post(f"{_PATH}/{{job_id}}/cancel")
    async def cancel(api: ApiOf, job_id: str) -> Response:
        await api.post(f"{at(_API, job_id)}/cancel")
        return pages.go(at(_PATH, job_id))

    return router


def _script(form: Mapping[str, str]) -> dict[str, object]:
    """What the API takes of the form. Requirements are a line each; without any, the script's own block counts."""
    body: dict[str, object] = {name: form.get(name, "") for name in ("script_name", "script_content", "model_name")}
    if requirements := [line.strip() for line in form.get("requirements", "").splitlines() if line.strip()]:
        body["requirements"] = requirements
    return body
