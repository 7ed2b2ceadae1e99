"""Deleting a version or a model: the page that asks shows the plan of the API; what was deleted can be taken back."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Path, Request, Response

from modelyard.console.addresses import PREFIX
from modelyard.console.api import Api, ApiError, at
from modelyard.console.form_numbers import whole_number
from modelyard.console.forms import Form
from modelyard.console.rendering import Pages
from modelyard.console.routing import PAGE_ROWS, ApiOf, as_api_error, page_router
from modelyard.errors import Invalid
from modelyard.http.routing import APIRouter

_MODELS = f"{PREFIX}/models"
_MODEL = f"{_MODELS}/{{name}}"
_API = "/api/v1/modelserving/models"
_MODES = {
    "0": "nothing",
    "1": "the run, if no other version uses it",
    "2": "the run and its experiment, if nothing else uses them",
}
_Version = Annotated[str, Path(max_length=20)]


def deletion_routes(pages: Pages) -> APIRouter:
    """`/console/models/{name}/delete`, the same of a version, and `/console/models/{name}/deleted`."""
    router = page_router(pages)
    _add_model(router, pages)
    _add_version(router, pages)
    _add_deleted(router, pages)
    return router


async def _ask(
    pages: Pages,
    request: Request,
    api: Api,
    names: tuple[str, ...],
    mode: str,
    failed: tuple[ApiError, Mapping[str, str]] | None = None,
) -> Response:
    """The plan as it is now, with the form that has it done.

    Args:
        names: of the model; or of the model, `versions`, and the version.
    """
    mode = mode if mode in _MODES else "0"
    plan = await api.delete(at(_API, *names), {"dry_run": "true", "delete_mode": mode})
    error, filled = failed or (None, {})
    context: dict[str, Any] = {
        "plan": plan,
        "mode": mode,
        "modes": tuple(_MODES.items()),
        "path": at(_MODELS, *names),
        "error": error,
        "filled": filled,
    }
    return pages.render(request, "models/delete.html", context, status=200 if error is None else error.status)


async def _delete(
    pages: Pages, request: Request, api: Api, names: tuple[str, ...], form: Mapping[str, str]
) -> Response:
    mode = form.get("mode", "0")
    query = {"delete_mode": mode, "reason": form.get("reason", "")}
    try:
        revision = whole_number("revision", form.get("revision", ""))
        begun = await api.delete(at(_API, *names), query, revision=revision)
    except (ApiError, Invalid) as exc:
        return await _ask(pages, request, api, names, mode, (as_api_error(exc), form))
    return pages.go(at(f"{PREFIX}/jobs", str(begun["job_id"])))


def _add_model(router: APIRouter, pages: Pages) -> None:
    @router.get(f"{_MODEL}/delete")
    async def ask_about_a_model(request: Request, api: ApiOf, name: str, mode: str = "0") -> Response:
        return await _ask(pages, request, api, (name,), mode)

    @router.post(f"{_MODEL}/delete")
    async def delete_model(request: Request, api: ApiOf, name: str, form: Form) -> Response:
        return await _delete(pages, request, api, (name,), form)


def _add_version(router: APIRouter, pages: Pages) -> None:
    one = f"{_MODEL}/versions/{{version}}"

    @router.get(f"{one}/delete")
    async def ask_about_a_version(
        request: Request, api: ApiOf, name: str, version: _Version, mode: str = "0"
    ) -> Response:
        return await _ask(pages, request, api, (name, "versions", version), mode)

    @router.post(f"{one}/delete")
    async def delete_version(request: Request, api: ApiOf, name: str, version: _Version, form: Form) -> Response:
        return await _delete(pages, request, api, (name, "versions", version), form)

    @router.post(f"{one}/restore")
    async def restore(api: ApiOf, name: str, version: _Version, form: Form) -> Response:
        await api.post(f"{at(_API, name, 'versions', version)}/restore", {"reason": form.get("reason", "")})
        return pages.go(at(_MODELS, name, "versions", version))


def _add_deleted(router: APIRouter, pages: Pages) -> None:
    @router.get(f"{_MODEL}/deleted")
    async def deleted(request: Request, api: ApiOf, name: str, cursor: str = "") -> Response:
        page = await api.get(f"{at(_API, name)}/tombstones", {"cursor": cursor, "limit": PAGE_ROWS})
        path = f"{at(_MODELS, name)}/deleted"
        context = {"page": page, "name": name, "path": path, "query": {"cursor": cursor}}
        return pages.render(request, "models/deleted.html", context)
