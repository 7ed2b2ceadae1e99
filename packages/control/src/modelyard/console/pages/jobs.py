"""Jobs: the list, one with its log as it comes, and the form that trains a script or deploys what it trains."""

from fastapi import Request, Response

from modelyard.console.addresses import PREFIX
from modelyard.console.api import ApiError, at
from modelyard.console.confirmation import Removal, confirm
from modelyard.console.forms import SentForm
from modelyard.console.lists import ListPage, add_list
from modelyard.console.rendering import Pages
from modelyard.console.routing import ApiOf, as_api_error, page_router
from modelyard.console.script_forms import script_of
from modelyard.errors import Invalid
from modelyard.http.routing import APIRouter

_PATH = f"{PREFIX}/jobs"
_API = "/mlops/jobs"
_STATUSES = ("queued", "running", "succeeded", "failed", "cancelled")
_KINDS = ("training", "one_click", "retraining", "deployment", "registration", "image", "import", "deletion")
_BEGINNINGS = {"train": "/mlops/training/upload", "deploy": "/mlops/deploy"}
_LIST = ListPage(
    path=_PATH,
    of=_API,
    template="jobs/list.html",
    filters={"kind": "", "status": "", "model_name": ""},
    words={"statuses": _STATUSES, "kinds": _KINDS},
)


def job_routes(pages: Pages) -> APIRouter:
    """`/console/jobs`."""
    router = page_router(pages)
    add_list(router, pages, _LIST)

    @router.get(f"{_PATH}/new")
    async def form_of_a_script(request: Request, model: str = "") -> Response:
        return pages.render(request, "jobs/new.html", {"filled": {"model_name": model}, "error": None})

    @router.post(f"{_PATH}/new")
    async def begin(request: Request, api: ApiOf, sent: SentForm) -> Response:
        try:
            wanted = _BEGINNINGS.get(sent.fields.get("what", ""), _BEGINNINGS["train"])
            begun = await api.post(wanted, await script_of(sent))
        except (ApiError, Invalid) as exc:
            error = as_api_error(exc)
            context = {"filled": sent.fields, "error": error}
            return pages.render(request, "jobs/new.html", context, status=error.status)
        return pages.go(at(_PATH, str(begun["job_id"])))

    @router.get(f"{_PATH}/{{job_id}}")
    async def job(request: Request, api: ApiOf, job_id: str) -> Response:
        found = await api.get(at(_API, job_id))
        return pages.render(request, "jobs/one.html", {"job": found})

    @router.get(f"{_PATH}/{{job_id}}/cancel")
    async def ask_to_cancel(request: Request, api: ApiOf, job_id: str) -> Response:
        job = await api.get(at(_API, job_id))
        kind = job["kind"].replace("_", " ")
        removal = Removal(
            heading=f"Cancel the {kind} of {job['model_name']}?",
            loss="What it has done so far is given up. Its log stays.",
            facts=[("Job", job["job_id"]), ("Status", job["status"]), ("Phase", job["phase"] or "waits")],
            button="Cancel the job",
            permission="jobs:write",
            back=at(_PATH, job_id),
        )
        return confirm(pages, request, removal)

    @router.post(f"{_PATH}/{{job_id}}/cancel")
    async def cancel(api: ApiOf, job_id: str) -> Response:
        await api.post(f"{at(_API, job_id)}/cancel")
        return pages.go(at(_PATH, job_id))

    return router
