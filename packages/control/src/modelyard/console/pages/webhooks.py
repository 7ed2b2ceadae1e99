"""Webhooks: the list; one with its deliveries; its change, its secret, its end; and what is sent again."""

from collections.abc import Mapping
from typing import Any

from fastapi import Depends, Request, Response

from modelyard.console.api import Api, ApiError, at
from modelyard.console.confirmation import Removal, confirm
from modelyard.console.form_numbers import whole_number
from modelyard.console.forms import Form
from modelyard.console.lists import ListPage
from modelyard.console.pages.settings import SETTINGS, ListWithForm
from modelyard.console.rendering import Pages
from modelyard.console.routing import ApiOf, as_api_error, page_router
from modelyard.errors import Invalid
from modelyard.http.known_queries import passes_query_on
from modelyard.http.routing import APIRouter

_PATH = f"{SETTINGS}/webhooks"
_ONE = f"{_PATH}/{{webhook_id}}"
_API = "/api/v1/webhooks"
_OVERLAPS = {"0": "no time", "3600": "an hour", "86400": "a day", "604800": "a week"}
_LIST = ListPage(path=_PATH, of=_API, template="settings/webhooks.html")


def webhook_routes(pages: Pages) -> APIRouter:
    """`/console/settings/webhooks`."""
    router, shown = page_router(pages), ListWithForm(pages, _LIST)
    shown.add(router)

    @router.post(_PATH)
    async def make_webhook(request: Request, api: ApiOf, form: Form) -> Response:
        return await shown.make(request, api, form, _webhook_of(form))

    _add_one(router, pages)
    _add_secret(router, pages)
    _add_end(router, pages)
    _add_deliveries(router, pages)
    return router


async def _show(
    pages: Pages,
    request: Request,
    api: Api,
    webhook_id: str,
    *,
    made: str | None = None,
    failed: tuple[ApiError, Mapping[str, str]] | None = None,
) -> Response:
    where = at(_API, webhook_id)
    shown = ListPage(
        path=at(_PATH, webhook_id),
        of=f"{where}/deliveries",
        template="settings/webhook.html",
        filters={"status": ""},
    )
    query = shown.asked(request)
    found = await api.get(where)
    parts = await api.parts(
        deliveries=("Deliveries", api.get(shown.of, shown.question(query))),
        types=("Types of events", api.get(f"{_API}/event-types")),
    )
    error, filled = failed or (None, {})
    context = {
        "it": found,
        "parts": parts,
        "query": query,
        "made": made,
        "error": error,
        "filled": {**found, "event_types": ", ".join(found["event_types"]), **filled},
        "overlaps": tuple(_OVERLAPS.items()),
    }
    return pages.render(request, shown.template, context, status=200 if error is None else error.status)


def _add_one(router: APIRouter, pages: Pages) -> None:
    @router.get(_ONE, dependencies=[Depends(passes_query_on)])
    async def webhook(request: Request, api: ApiOf, webhook_id: str) -> Response:
        return await _show(pages, request, api, webhook_id)

    @router.post(_ONE)
    async def change(request: Request, api: ApiOf, webhook_id: str, form: Form) -> Response:
        try:
            revision = whole_number("revision", form.get("revision", ""))
            await api.patch(at(_API, webhook_id), _webhook_of(form), revision=revision)
        except (ApiError, Invalid) as exc:
            return await _show(pages, request, api, webhook_id, failed=(as_api_error(exc), form))
        return pages.go(at(_PATH, webhook_id))

    @router.post(f"{_ONE}/active")
    async def pause_or_resume(api: ApiOf, webhook_id: str, form: Form) -> Response:
        await api.patch(at(_API, webhook_id), {"is_active": form.get("is_active") == "yes"})
        return pages.go(at(_PATH, webhook_id))

    @router.post(f"{_ONE}/test")
    async def test(api: ApiOf, webhook_id: str) -> Response:
        await api.post(f"{at(_API, webhook_id)}/test")
        return pages.go(at(_PATH, webhook_id))


def _add_secret(router: APIRouter, pages: Pages) -> None:
    @router.get(f"{_ONE}/rotate")
    async def ask_to_rotate(request: Request, api: ApiOf, webhook_id: str, overlap: str = "86400") -> Response:
        found = await api.get(at(_API, webhook_id))
        overlap = overlap if overlap in _OVERLAPS else "86400"
        removal = Removal(
            heading=f"Give {found['url']} another secret?",
            loss=f"{_until_when(overlap)} The new one is shown once.",
            facts=[("Address", found["url"]), ("Description", found["description"] or "none")],
            button="Make another secret",
            permission="webhooks:write",
            back=at(_PATH, webhook_id),
            fields={"overlap_seconds": overlap},
        )
        return confirm(pages, request, removal)

    @router.post(f"{_ONE}/rotate")
    async def rotate(request: Request, api: ApiOf, webhook_id: str, form: Form) -> Response:
        overlap = whole_number("overlap_seconds", form.get("overlap_seconds", ""))
        made = await api.post(f"{at(_API, webhook_id)}/rotate", {"overlap_seconds": overlap})
        return await _show(pages, request, api, webhook_id, made=str(made["secret"]))


def _until_when(overlap: str) -> str:
    if overlap == "0":
        return "The present secret counts no more at once."
    return f"For {_OVERLAPS[overlap]} deliveries are signed with both secrets; then the present one counts no more."


def _add_end(router: APIRouter, pages: Pages) -> None:
    @router.get(f"{_ONE}/delete")
    async def ask_to_delete(request: Request, api: ApiOf, webhook_id: str) -> Response:
        found = await api.get(at(_API, webhook_id))
        removal = Removal(
            heading=f"Delete the webhook of {found['url']}?",
            loss="It hears of nothing any more, and the list of its deliveries is gone, those that wait among them.",
            facts=[("Address", found["url"]), ("Events", ", ".join(found["event_types"])), ("Status", found["status"])],
            button="Delete the webhook",
            permission="webhooks:write",
            back=at(_PATH, webhook_id),
        )
        return confirm(pages, request, removal)

    @router.post(f"{_ONE}/delete")
    async def delete(api: ApiOf, webhook_id: str) -> Response:
        await api.delete(at(_API, webhook_id))
        return pages.go(_PATH)


def _add_deliveries(router: APIRouter, pages: Pages) -> None:
    @router.get(f"{_ONE}/deliveries/{{delivery_id}}")
    async def delivery(request: Request, api: ApiOf, webhook_id: str, delivery_id: str) -> Response:
        found = await api.get(at(at(_API, webhook_id), "deliveries", delivery_id))
        webhook = await api.get(at(_API, webhook_id))
        return pages.render(request, "settings/delivery.html", {**found, "webhook": webhook})

    @router.post(f"{_ONE}/deliveries/{{delivery_id}}/replay")
    async def replay(api: ApiOf, webhook_id: str, delivery_id: str) -> Response:
        again = await api.post(f"{at(at(_API, webhook_id), 'deliveries', delivery_id)}/replay")
        return pages.go(at(at(_PATH, webhook_id), "deliveries", str(again["delivery_id"])))

    @router.post(f"{_ONE}/redrive")
    async def redrive(api: ApiOf, webhook_id: str) -> Response:
        await api.post(f"{at(_API, webhook_id)}/dead-letters/redrive")
        return pages.go(at(_PATH, webhook_id))

    @router.post(f"{_ONE}/replay")
    async def replay_range(request: Request, api: ApiOf, webhook_id: str, form: Form) -> Response:
        try:
            await api.post(f"{at(_API, webhook_id)}/replay", {name: form.get(name, "") for name in ("from", "to")})
        except ApiError as error:
            return await _show(pages, request, api, webhook_id, failed=(error, form))
        return pages.go(at(_PATH, webhook_id))


def _webhook_of(form: Mapping[str, str]) -> dict[str, Any]:
    """What the API takes of the form. No types of events: all."""
    body: dict[str, Any] = {"url": form.get("url", ""), "description": form.get("description", "")}
    body["event_types"] = form.get("event_types", "").replace(",", " ").split() or ["*"]
    return body
