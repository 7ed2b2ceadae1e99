"""Subscriptions: who calls the gateway with which keys. A key is on the page that follows its making only."""

from collections.abc import Mapping
from typing import Any

from fastapi import Request, Response

from modelyard.console.api import Api, ApiError, at
from modelyard.console.confirmation import Removal, confirm
from modelyard.console.form_numbers import whole_number
from modelyard.console.forms import Form
from modelyard.console.gateway_forms import limits_as_filled, subscription_change_of, subscription_of
from modelyard.console.lists import ListPage
from modelyard.console.pages.gateway import API, GATEWAY
from modelyard.console.pages.settings import ListWithForm
from modelyard.console.rendering import Pages
from modelyard.console.routing import ApiOf, as_api_error, page_router
from modelyard.errors import Invalid, NotFound
from modelyard.http.routing import APIRouter

_PATH = f"{GATEWAY}/subscriptions"
_ONE = f"{_PATH}/{{subscription_id}}"
_API = f"{API}/subscriptions"
_SCOPES = {"api": "an API", "product": "a product", "model": "a model's stable address", "all": "everything here"}
_PERIODS = ("hour", "day", "week", "month")
_COMMANDS = ("suspend", "activate")
_KEYS = ("primary", "secondary")
_WORDS = {"scopes": tuple(_SCOPES.items()), "periods": _PERIODS}
_LIST = ListPage(path=_PATH, of=_API, template="gateway/subscriptions.html", words=_WORDS)


def subscription_routes(pages: Pages) -> APIRouter:
    """`/console/gateway/subscriptions`."""
    router, shown = page_router(pages), ListWithForm(pages, _LIST)
    shown.add(router)

    @router.post(_PATH)
    async def make(request: Request, api: ApiOf, form: Form) -> Response:
        try:
            made = await api.post(_API, subscription_of(form))
        except (ApiError, Invalid) as exc:
            return await shown.show(request, api, failed=(as_api_error(exc), form))
        keys = {name: str(made[f"{name}_key"]) for name in _KEYS}
        return await _show(pages, request, api, str(made["subscription"]["subscription_id"]), keys=keys)

    _add_one(router, pages)
    _add_keys(router, pages)
    _add_end(router, pages)
    return router


async def _show(
    pages: Pages,
    request: Request,
    api: Api,
    subscription_id: str,
    *,
    keys: Mapping[str, str] | None = None,
    failed: tuple[ApiError, Mapping[str, str]] | None = None,
) -> Response:
    where = at(_API, subscription_id)
    found = await api.get(where)
    parts = await api.parts(
        quotas=("Quotas", api.get(f"{where}/quotas")),
        usage=("Usage", api.get(f"{API}/usage", {"subscription": subscription_id})),
    )
    error, filled = failed or (None, _filled(found))
    context = {
        **_WORDS,
        "it": found,
        "parts": parts,
        "keys": keys or {},
        "error": error,
        "filled": filled,
        "names_of_keys": _KEYS,
    }
    return pages.render(request, "gateway/subscription.html", context, status=200 if error is None else error.status)


def _filled(found: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "display_name": found["display_name"],
        "expires_at": found["expires_at"] or "",
        **limits_as_filled(found["limits"]),
    }


def _add_one(router: APIRouter, pages: Pages) -> None:
    @router.get(_ONE)
    async def subscription(request: Request, api: ApiOf, subscription_id: str) -> Response:
        return await _show(pages, request, api, subscription_id)

    @router.post(_ONE)
    async def change(request: Request, api: ApiOf, subscription_id: str, form: Form) -> Response:
        try:
            revision = whole_number("revision", form.get("revision", ""))
            await api.patch(at(_API, subscription_id), subscription_change_of(form), revision=revision)
        except (ApiError, Invalid) as exc:
            return await _show(pages, request, api, subscription_id, failed=(as_api_error(exc), form))
        return pages.go(at(_PATH, subscription_id))


def _add_keys(router: APIRouter, pages: Pages) -> None:
    @router.get(f"{_ONE}/keys/{{key}}")
    async def ask_to_regenerate(request: Request, api: ApiOf, subscription_id: str, key: str) -> Response:
        found = await api.get(at(_API, subscription_id))
        removal = Removal(
            heading=f"Make another {_known(key)} key of {found['display_name']}?",
            loss="Whoever calls with the present one is refused as soon as the gateway has heard of it. The other key "
            "goes on working. The new one is shown once.",
            facts=[
                ("Subscription", found["subscription_id"]),
                ("Changed last", found[f"{key}_key_changed_at"]),
                ("Used last", found["last_used_at"] or "never"),
            ],
            button=f"Make another {key} key",
            permission="subscriptions:write",
            back=at(_PATH, subscription_id),
        )
        return confirm(pages, request, removal)

    @router.post(f"{_ONE}/keys/{{key}}")
    async def regenerate(request: Request, api: ApiOf, subscription_id: str, key: str) -> Response:
        made = await api.post(f"{at(_API, subscription_id)}/keys/{_known(key)}/regenerate")
        return await _show(pages, request, api, subscription_id, keys={key: str(made["key"])})


def _add_end(router: APIRouter, pages: Pages) -> None:
    @router.get(f"{_ONE}/cancel")
    async def ask_to_cancel(request: Request, api: ApiOf, subscription_id: str) -> Response:
        found = await api.get(at(_API, subscription_id))
        removal = Removal(
            heading=f"Cancel the subscription {found['display_name']}?",
            loss="Both keys are refused from now on, for good. What it called stays in the usage.",
            facts=[
                ("Subscription", found["subscription_id"]),
                ("Opens", f"{found['scope']['kind']} {found['scope']['name'] or ''}"),
                ("Used last", found["last_used_at"] or "never"),
            ],
            button="Cancel the subscription",
            permission="subscriptions:write",
            back=at(_PATH, subscription_id),
        )
        return confirm(pages, request, removal)

    @router.post(f"{_ONE}/cancel")
    async def cancel(api: ApiOf, subscription_id: str) -> Response:
        await api.post(f"{at(_API, subscription_id)}/cancel")
        return pages.go(at(_PATH, subscription_id))

    @router.post(f"{_ONE}/{{command}}")
    async def act(api: ApiOf, subscription_id: str, command: str) -> Response:
        if command not in _COMMANDS:
            raise NotFound(f"a subscription has no command '{command[:40]}'", code="not_found")
        await api.post(f"{at(_API, subscription_id)}/{command}")
        return pages.go(at(_PATH, subscription_id))


def _known(key: str) -> str:
    if key not in _KEYS:
        raise NotFound(f"a subscription has no key '{key[:40]}'", code="not_found")
    return key
