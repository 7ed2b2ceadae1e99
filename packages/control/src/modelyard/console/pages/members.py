"""Members of the tenant, and tokens: who may do what, and what programs act in their names."""

from collections.abc import Mapping
from typing import Any

from fastapi import Request, Response

from modelyard.console.api import at
from modelyard.console.confirmation import Removal, confirm
from modelyard.console.forms import Form, checked
from modelyard.console.lists import ListPage
from modelyard.console.pages.settings import SETTINGS, ListWithForm, find_in_list
from modelyard.console.rendering import Pages
from modelyard.console.routing import ApiOf, page_router
from modelyard.http.routing import APIRouter
from modelyard.principals import Permission, Role

_MEMBERS, _TOKENS = f"{SETTINGS}/members", f"{SETTINGS}/tokens"
_API_OF_MEMBERS, _API_OF_TOKENS = "/api/v1/access/members", "/api/v1/access/tokens"
_DAY_SECONDS = 24 * 3600
_LIFETIMES = {"1": "a day", "7": "a week", "30": "30 days", "90": "90 days", "365": "a year", "": "until it is revoked"}
_LIST_OF_MEMBERS = ListPage(
    path=_MEMBERS,
    of=_API_OF_MEMBERS,
    template="settings/members.html",
    words={"roles": [(role.value, role.value) for role in Role]},
)
_LIST_OF_TOKENS = ListPage(
    path=_TOKENS,
    of=_API_OF_TOKENS,
    template="settings/tokens.html",
    words={"lifetimes": tuple(_LIFETIMES.items()), "permissions": [permission.value for permission in Permission]},
)


def member_routes(pages: Pages) -> APIRouter:
    """`/console/settings/members`."""
    router, shown = page_router(pages), ListWithForm(pages, _LIST_OF_MEMBERS)
    shown.add(router)

    @router.post(_MEMBERS)
    async def add_member(request: Request, api: ApiOf, form: Form) -> Response:
        body = {name: form.get(name, "") for name in ("subject", "kind", "role")}
        return await shown.make(request, api, form, body)

    @router.post(f"{_MEMBERS}/role")
    async def change_role(api: ApiOf, form: Form) -> Response:
        await api.patch(at(_API_OF_MEMBERS, form.get("subject", "")), {"role": form.get("role", "")})
        return pages.go(_MEMBERS)

    @router.get(f"{_MEMBERS}/remove")
    async def ask_to_remove(request: Request, api: ApiOf, subject: str) -> Response:
        member = await find_in_list(api, _API_OF_MEMBERS, "members", subject=subject)
        removal = Removal(
            heading=f"Remove the member {subject}?",
            loss="All tokens of this member are revoked, and programs that use one are refused at once. What the "
            "member did stays in the audit log.",
            facts=[("Member", subject), ("Kind", member["kind"]), ("Role", member["role"])],
            button="Remove the member",
            permission="members:write",
            back=_MEMBERS,
            fields={"subject": subject},
        )
        return confirm(pages, request, removal)

    @router.post(f"{_MEMBERS}/remove")
    async def remove_member(api: ApiOf, form: Form) -> Response:
        await api.delete(at(_API_OF_MEMBERS, form.get("subject", "")))
        return pages.go(_MEMBERS)

    return router


def token_routes(pages: Pages) -> APIRouter:
    """`/console/settings/tokens`."""
    router, shown = page_router(pages), ListWithForm(pages, _LIST_OF_TOKENS)
    shown.add(router)

    @router.post(_TOKENS)
    async def make_token(request: Request, api: ApiOf, form: Form) -> Response:
        return await shown.make(request, api, form, _token_of(form))

    @router.get(f"{_TOKENS}/revoke")
    async def ask_to_revoke(request: Request, api: ApiOf, token_id: str) -> Response:
        token = await find_in_list(api, _API_OF_TOKENS, "tokens", token_id=token_id)
        removal = Removal(
            heading=f"Revoke the token {token['name']} of {token['subject']}?",
            loss="Whoever uses it is refused at once, and console sessions that it opened end.",
            facts=[
                ("Token", token["name"]),
                ("Member", token["subject"]),
                ("Made by", token["created_by"]),
                ("Used last", token["last_used_at"] or "never"),
            ],
            button="Revoke the token",
            permission="tokens:write",
            back=_TOKENS,
            fields={"token_id": token_id},
        )
        return confirm(pages, request, removal)

    @router.post(f"{_TOKENS}/revoke")
    async def revoke_token(api: ApiOf, form: Form) -> Response:
        await api.delete(at(_API_OF_TOKENS, form.get("token_id", "")))
        return pages.go(_TOKENS)

    return router


def _token_of(form: Mapping[str, str]) -> dict[str, Any]:
    """What the API takes of the form. Without a checked permission, the token carries the whole role."""
    days = form.get("days", "")
    return {
        "name": form.get("name", ""),
        "subject": form.get("subject", "").strip() or None,
        "scopes": sorted(checked(form, "may-")) or None,
        "expires_in_seconds": int(days) * _DAY_SECONDS if days in _LIFETIMES and days else None,
    }
