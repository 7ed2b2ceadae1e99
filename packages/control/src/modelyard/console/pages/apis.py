"""APIs of the gateway: the list; one with its revisions, releases and callers; what makes, changes and ends one."""

from collections.abc import Mapping

from fastapi import Request, Response

from modelyard.console.addresses import PREFIX
from modelyard.console.api import Api, ApiError, at
from modelyard.console.confirmation import Removal, confirm
from modelyard.console.form_numbers import given_whole, whole_number
from modelyard.console.forms import Form
from modelyard.console.gateway_forms import api_change_of, api_of, revision_of
from modelyard.console.lists import ListPage, add_list
from modelyard.console.rendering import Pages
from modelyard.console.routing import PAGE_ROWS, ApiOf, as_api_error, page_router
from modelyard.errors import Invalid
from modelyard.http.routing import APIRouter

_PATH = f"{PREFIX}/apis"
_ONE = f"{_PATH}/{{api_id}}"
_API = "/api/v1/gateway/apis"
_STAGES = ("production", "staging")
_STATUSES = ("active", "deprecated", "retired")
_LIST = ListPage(path=_PATH, of=_API, template="apis/list.html", filters={"api_version_set_id": ""})
_NEW = {"subscription_required": "on", "protocol-http": "on", "protocol-https": "on"}


def api_routes(pages: Pages) -> APIRouter:
    """`/console/apis`."""
    router = page_router(pages)
    add_list(router, pages, _LIST)
    _add_new(router, pages)
    _add_one(router, pages)
    _add_revisions(router, pages)
    _add_end(router, pages)
    return router


def _add_new(router: APIRouter, pages: Pages) -> None:
    @router.get(f"{_PATH}/new")
    async def form_of_an_api(request: Request, model: str = "") -> Response:
        context = {"filled": {**_NEW, "model_name": model}, "error": None, "stages": _STAGES}
        return pages.render(request, "apis/new.html", context)

    @router.post(f"{_PATH}/new")
    async def make(request: Request, api: ApiOf, form: Form) -> Response:
        try:
            made = await api.post(_API, api_of(form))
        except (ApiError, Invalid) as exc:
            error = as_api_error(exc)
            context = {"filled": form, "error": error, "stages": _STAGES}
            return pages.render(request, "apis/new.html", context, status=error.status)
        return pages.go(at(_PATH, str(made["api_id"])))


async def _show(
    pages: Pages,
    request: Request,
    api: Api,
    api_id: str,
    *,
    failed: tuple[ApiError, Mapping[str, str]] | None = None,
) -> Response:
    where = at(_API, api_id)
    found = await api.get(where)
    parts = await api.parts(
        revisions=("Revisions", api.get(f"{where}/revisions")),
        releases=("Releases", api.get(f"{where}/releases", {"limit": PAGE_ROWS})),
        usage=("Who calls it", api.get("/api/v1/gateway/usage", {"api": api_id})),
    )
    error, filled = failed or (None, {})
    context = {"it": found, "parts": parts, "error": error, "filled": filled, "stages": _STAGES, "statuses": _STATUSES}
    return pages.render(request, "apis/one.html", context, status=200 if error is None else error.status)


def _add_one(router: APIRouter, pages: Pages) -> None:
    @router.get(_ONE)
    async def one_api(request: Request, api: ApiOf, api_id: str) -> Response:
        return await _show(pages, request, api, api_id)

    @router.post(_ONE)
    async def change(request: Request, api: ApiOf, api_id: str, form: Form) -> Response:
        try:
            revision = whole_number("revision", form.get("revision", ""))
            await api.patch(at(_API, api_id), api_change_of(form), revision=revision)
        except (ApiError, Invalid) as exc:
            return await _show(pages, request, api, api_id, failed=(as_api_error(exc), form))
        return pages.go(at(_PATH, api_id))

    @router.get(f"{_ONE}/changes")
    async def changes(request: Request, api: ApiOf, api_id: str, cursor: str = "") -> Response:
        where = f"{at(_API, api_id)}/changes"
        page = await api.get(where, {"cursor": cursor, "limit": PAGE_ROWS})
        path = f"{at(_PATH, api_id)}/changes"
        return pages.render(request, "apis/changes.html", {"page": page, "path": path, "query": {"cursor": cursor}})


def _add_revisions(router: APIRouter, pages: Pages) -> None:
    @router.post(f"{_ONE}/revisions")
    async def make_revision(request: Request, api: ApiOf, api_id: str, form: Form) -> Response:
        try:
            await api.post(f"{at(_API, api_id)}/revisions", revision_of(form))
        except (ApiError, Invalid) as exc:
            return await _show(pages, request, api, api_id, failed=(as_api_error(exc), form))
        return pages.go(at(_PATH, api_id))

    @router.post(f"{_ONE}/revisions/{{number}}")
    async def set_online(api: ApiOf, api_id: str, number: int, form: Form) -> Response:
        is_online = form.get("is_online") == "yes"
        await api.patch(at(f"{at(_API, api_id)}/revisions", str(number)), {"is_online": is_online})
        return pages.go(at(_PATH, api_id))

    @router.post(f"{_ONE}/releases")
    async def release(request: Request, api: ApiOf, api_id: str, form: Form) -> Response:
        try:
            body = {"revision": given_whole(form, "revision"), "api_release_notes": form.get("notes", "")}
            await api.post(f"{at(_API, api_id)}/releases", body)
        except (ApiError, Invalid) as exc:
            return await _show(pages, request, api, api_id, failed=(as_api_error(exc), form))
        return pages.go(at(_PATH, api_id))

    @router.post(f"{_ONE}/rollback")
    async def roll_back(request: Request, api: ApiOf, api_id: str, form: Form) -> Response:
        try:
            await api.post(f"{at(_API, api_id)}/rollback", {"api_release_notes": form.get("notes", "")})
        except ApiError as error:
            return await _show(pages, request, api, api_id, failed=(error, form))
        return pages.go(at(_PATH, api_id))


def _add_end(router: APIRouter, pages: Pages) -> None:
    @router.get(f"{_ONE}/delete")
    async def ask_to_delete(request: Request, api: ApiOf, api_id: str) -> Response:
        found = await api.get(at(_API, api_id))
        removal = Removal(
            heading=f"Delete the API {found['display_name']}?",
            loss="Its path answers nobody any more. Its revisions and releases are gone, subscriptions to it alone are "
            "cancelled, products leave it out. What answered it, a model or a deployment, stays.",
            facts=[
                ("API", found["api_id"]),
                ("Path", found["path"]),
                ("Version", found["api_version"] or "none"),
                ("Current revision", found["current_revision"] or "none"),
            ],
            button="Delete the API",
            permission="gateway:write",
            back=at(_PATH, api_id),
        )
        return confirm(pages, request, removal)

    @router.post(f"{_ONE}/delete")
    async def delete(api: ApiOf, api_id: str) -> Response:
        await api.delete(at(_API, api_id))
        return pages.go(_PATH)
