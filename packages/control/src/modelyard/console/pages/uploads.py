"""The form that registers a model that was not logged here: an archive, or a model in one file."""

from fastapi import Depends, Request, Response

from modelyard.console.addresses import PREFIX
from modelyard.console.api import ApiError, at
from modelyard.console.archive_upload import MOST_BYTES, hand_on
from modelyard.console.forms import SentForm, lines
from modelyard.console.rendering import Pages
from modelyard.console.routing import ApiOf, as_api_error, page_router
from modelyard.errors import Invalid
from modelyard.http.guard import Requires
from modelyard.http.routing import APIRouter
from modelyard.principals import Permission

_PATH = f"{PREFIX}/uploads"
STREAMED = {f"{_PATH}/": MOST_BYTES + 1024 * 1024}
"""The limit of the bodies of this page's form: a file and some fields."""
_MAY_WRITE = Depends(Requires(Permission.MODELS_WRITE))
"""Asked before the first byte of the form is read."""


def upload_routes(pages: Pages) -> APIRouter:
    """`/console/uploads/new`."""
    router = page_router(pages)

    @router.get(f"{_PATH}/new")
    async def form_of_an_upload(request: Request, model: str = "") -> Response:
        return pages.render(request, "models/upload.html", {"filled": {"name": model}, "error": None})

    @router.post(f"{_PATH}/new", dependencies=[_MAY_WRITE])
    async def register(request: Request, api: ApiOf, sent: SentForm) -> Response:
        form = sent.fields
        try:
            file = sent.file("model")
            body = {
                "name": form.get("name", ""),
                "description": form.get("description", ""),
                "requirements": lines(form, "requirements"),
            }
            job_id = await hand_on(api, file, body)
        except (ApiError, Invalid) as exc:
            error = as_api_error(exc)
            return pages.render(request, "models/upload.html", {"filled": form, "error": error}, status=error.status)
        return pages.go(at(f"{PREFIX}/jobs", job_id))

    return router
