"""The routes of executed notebooks: as the file, and as a page that shows what a notebook's code made and runs none."""

from pathlib import PurePosixPath
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import Depends, Response

from modelyard.http.guard import Requires
from modelyard.http.routing import APIRouter
from modelyard.jobs.service import JobService
from modelyard.mlops.notebook_page import PAGE_POLICY, notebook_page
from modelyard.principals import Permission, Principal
from modelyard.training.executed_notebooks import ExecutedNotebooks

ReadJobs = Annotated[Principal, Depends(Requires(Permission.JOBS_READ))]
_NOTEBOOK = "application/x-ipynb+json"
_FILE: dict[int | str, dict[str, Any]] = {200: {"content": {_NOTEBOOK: {"schema": {"type": "object"}}}}}
_PAGE: dict[int | str, dict[str, Any]] = {200: {"content": {"text/html": {"schema": {"type": "string"}}}}}
_NO_SNIFFING = {"X-Content-Type-Options": "nosniff"}


def notebook_routes(jobs: JobService, notebooks: ExecutedNotebooks) -> APIRouter:
    """What notebooks looked like when they ended, well or not."""
    router = APIRouter(prefix="/mlops/jobs", tags=["jobs"])

    @router.get("/{job_id}/notebook", response_class=Response, responses=_FILE)
    def executed_notebook(caller: ReadJobs, job_id: str) -> Response:
        """The executed notebook of a job."""
        job = jobs.get(caller, job_id)
        with notebooks.open(job) as file:
            content = file.read()
        name = quote(PurePosixPath(job.request["script_name"]).name, safe="")
        headers = {**_NO_SNIFFING, "Content-Disposition": f"attachment; filename*=UTF-8''{name}"}
        return Response(content, media_type=_NOTEBOOK, headers=headers)

    @router.get("/{job_id}/notebook.html", response_class=Response, responses=_PAGE)
    def executed_notebook_page(caller: ReadJobs, job_id: str) -> Response:
        """The executed notebook as a page: code, printed output, errors and pictures."""
        job = jobs.get(caller, job_id)
        with notebooks.open(job) as file:
            page = notebook_page(job.request["script_name"], file.read())
        headers = {**_NO_SNIFFING, "Content-Security-Policy": PAGE_POLICY, "Referrer-Policy": "no-referrer"}
        return Response(page, media_type="text/html", headers=headers)

    return router
