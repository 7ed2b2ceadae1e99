"""The executed notebook of a job, framed: what its code made is a page without scripts, forms or an address of ours."""

from fastapi import Request, Response

from modelyard.console.addresses import PREFIX
from modelyard.console.api import at
from modelyard.console.passing import PassedThrough
from modelyard.console.rendering import Pages
from modelyard.console.routing import ApiOf, page_router
from modelyard.http.routing import APIRouter

_PATH = f"{PREFIX}/jobs/{{job_id}}/notebook"
_API = "/mlops/jobs"


def notebook_routes(pages: Pages) -> APIRouter:
    """`/console/jobs/{id}/notebook`, and below it what the frame shows."""
    router = page_router(pages)

    @router.get(_PATH)
    async def notebook(request: Request, api: ApiOf, job_id: str) -> Response:
        where = at(_API, job_id)
        context = {"job": await api.get(where)}
        parts = await api.parts(notebook=("The executed notebook", api.get(f"{where}/notebook.html")))
        return pages.render(request, "jobs/notebook.html", {**context, "parts": parts}, has_frame=True)

    @router.get(f"{_PATH}/page")
    async def framed(job_id: str) -> Response:
        return PassedThrough(f"{at(_API, job_id)}/notebook.html", is_framed=True)

    return router
