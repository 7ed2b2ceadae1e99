"""Who may do what, and what hears of it: members, tokens, webhooks, and the platform's components and targets."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Query, Request, Response

from modelyard.console.addresses import PREFIX
from modelyard.console.api import Api, ApiError, at
from modelyard.console.forms import Form
from modelyard.console.rendering import Pages
from modelyard.console.routing import PAGE_ROWS, ApiOf, page_router
from modelyard.http.routing import APIRouter
from modelyard.paging import MAX_CURSOR
from modelyard.principals import Role

_PATH = f"{PREFIX}/settings"
_MEMBERS, _TOKENS, _WEBHOOKS = "/api/v1/access/members", "/api/v1/access/tokens", "/api/v1/webhooks"
_LISTS = {"members": _MEMBERS, "tokens": _TOKENS, "webhooks": _WEBHOOKS}
_DAY_SECONDS = 24 * 3600
_LIFETIMES = {"30": "30 days", "90": "90 days", "365": "a year", "": "until it is revoked"}
_Cursor = Annotated[str, Query(max_length=MAX_CURSOR)]


def settings_routes(pages: Pages) -> APIRouter:
    """`/console/settings`: a page for each kind, with the forms that change it."""
    router, lists = page_router(pages), _Lists(pages)
    _add_members(router, pages, lists)
    _add_tokens(router, pages, lists)
    _add_webhooks(router, pages, lists)

    @router.get(_PATH)
    async def settings() -> Response:
        return pages.go(f"{_PATH}/members")

    @router.get(f"{_PATH}/platform")
    async def platform(request: Request, api: ApiOf) -> Response:
        parts = await api.parts(
            me=("Who you are", api.get("/api/v1/access/whoami")), status=("Platform", api.get("/mlops/status"))
        )
        return pages.render(request, "settings/platform.html", {"parts": parts})

    return router


class _Lists:
    """The pages of the kinds that are lists with a form below."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    async def show(
        self,
        request: Request,
        api: Api,
        kind: str,
        *,
        cursor: str = "",
        made: str | None = None,
        failed: tuple[ApiError, Mapping[str, str]] | None = None,
    ) -> Response:
        """The page of a kind; with the secret of what was just made, or with what was refused."""
        page = await api.get(_LISTS[kind], {"limit": PAGE_ROWS, "cursor": cursor})
        error, filled = failed or (None, {})
        context = {
            "page": page,
            "query": {"cursor": cursor},
            "roles": [(role.value, role.value) for role in Role],
            "lifetimes": _LIFETIMES.items(),
            "made": made,
            "error": error,
            "filled": filled,
        }
        return self._pages.render(
            request, f"settings/{kind}.html", context, status=HTTPStatus.OK if error is None else error.status
        )

    async def make(
        self, request: Request, api: Api, kind: str, form: Mapping[str, str], body: dict[str, Any]
    ) -> Response:
        """Make one of a kind; a secret is on the page that follows, and on no other."""
        try:
            made = await api.post(_LISTS[kind], body)
        except ApiError as error:
            return await self.show(request, api, kind, failed=(error, form))
        if "secret" in made:
            return await self.show(request, api, kind, made=str(made["secret"]))
        return self._pages.go(f"{_PATH}/{kind}")


def _add_members(router: APIRouter, pages: Pages, lists: _Lists) -> None:
    @router.get(f"{_PATH}/members")
    async def members(request: Request, api: ApiOf, cursor: _Cursor = "") -> Response:
        return await lists.show(request, api, "members", cursor=cursor)

    @router.post(f"{_PATH}/members")
    async def add_member(request: Request, api: ApiOf, form: Form) -> Response:
        body = {name: form.get(name, "") for name in ("subject", "kind", "role")}
        return await lists.make(request, api, "members", form, body)

    @router.post(f"{_PATH}/members/role")
    async def change_role(api: ApiOf, form: Form) -> Response:
        await api.patch(at(_MEMBERS, form.get("subject", "")), {"role": form.get("role", "")})
        return pages.go(f"{_PATH}/members")

    @router.post(f"{_PATH}/members/remove")
    async def remove_member(api: ApiOf, form: Form) -> Response:
        await api.delete(at(_MEMBERS, form.get("subject", "")))
        return pages.go(f"{_PATH}/members")


def _add_tokens(router: APIRouter, pages: Pages, lists: _Lists) -> None:
    @router.get(f"{_PATH}/tokens")
    async def tokens(request: Request, api: ApiOf, cursor: _Cursor = "") -> Response:
        return await lists.show(request, api, "tokens", cursor=cursor)

    @router.post(f"{_PATH}/tokens")
    async def make_token(request: Request, api: ApiOf, form: Form) -> Response:
        days = form.get("days", "")
        body = {
            "name": form.get("name", ""),
            "subject": form.get("subject", "").strip() or None,
            "expires_in_seconds": int(days) * _DAY_SECONDS if days in _LIFETIMES and days else None,
        }
        return await lists.make(request, api, "tokens", form, body)

    @router.post(f"{_PATH}/tokens/revoke")
    async def revoke_token(api: ApiOf, form: Form) -> Response:
        await api.delete(at(_TOKENS, form.get("token_id", "")))
        return pages.go(f"{_PATH}/tokens")


def _add_webhooks(router: APIRouter, pages: Pages, lists: _Lists) -> None:
    @router.get(f"{_PATH}/webhooks")
    async def webhooks(request: Request, api: ApiOf, cursor: _Cursor = "") -> Response:
        return await lists.show(request, api, "webhooks", cursor=cursor)

    @router.post(f"{_PATH}/webhooks")
    async def make_webhook(request: Request, api: ApiOf, form: Form) -> Response:
        body: dict[str, Any] = {"url": form.get("url", ""), "description": form.get("description", "")}
        if types := form.get("event_types", "").replace(",", " ").split():
            body["event_types"] = types
        return await lists.make(request, api, "webhooks", form, body)

    @router.post(f"{_PATH}/webhooks/delete")
    async def delete_webhook(api: ApiOf, form: Form) -> Response:
        await api.delete(at(_WEBHOOKS, form.get("webhook_id", "")))
        return pages.go(f"{_PATH}/webhooks")

    @router.post(f"{_PATH}/webhooks/test")
    async def test_webhook(api: ApiOf, form: Form) -> Response:
        await api.post(f"{at(_WEBHOOKS, form.get('webhook_id', ''))}/test")
        return pages.go(f"{_PATH}/webhooks")
