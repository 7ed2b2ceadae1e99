"""What APIs stand in: version sets and products, each a list with a form and a page; and what a URL would get."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Query, Request, Response

from modelyard.console.addresses import PREFIX
from modelyard.console.api import Api, ApiError, Json, at
from modelyard.console.confirmation import Removal, confirm
from modelyard.console.form_numbers import whole_number
from modelyard.console.forms import Form
from modelyard.console.gateway_forms import limits_as_filled, product_of, version_set_of
from modelyard.console.lists import ListPage
from modelyard.console.pages.settings import ListWithForm
from modelyard.console.rendering import Pages
from modelyard.console.routing import PAGE_ROWS, ApiOf, as_api_error, page_router
from modelyard.errors import Invalid
from modelyard.http.routing import APIRouter

GATEWAY = f"{PREFIX}/gateway"
API = "/api/v1/gateway"
_PERIODS = ("hour", "day", "week", "month")
_CHANGES_OF_SETS = ("display_name", "description", "on_missing")


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of thing that APIs stand in.

    Attributes:
        shown: the list of them.
        id_name: the field of the API that has an id.
        title: in a sentence.
        template: of the page of one.
        loss: what is gone when one is deleted.
        make, change: what the API takes of a form.
        fill: the fields of the form of one that is there.
    """

    shown: ListPage
    id_name: str
    title: str
    template: str
    loss: str
    make: Callable[[Mapping[str, str]], dict[str, Any]]
    change: Callable[[Mapping[str, str]], dict[str, Any]]
    fill: Callable[[Json], Mapping[str, Any]]


def _set_change(form: Mapping[str, str]) -> dict[str, Any]:
    changes: dict[str, Any] = {name: form.get(name, "") for name in _CHANGES_OF_SETS}
    return {**changes, "default_version": form.get("default_version", "").strip() or None}


def _new_product(form: Mapping[str, str]) -> dict[str, Any]:
    return {"product_id": form.get("product_id", "").strip(), **product_of(form)}


def _filled_product(product: Json) -> Mapping[str, Any]:
    is_open = {"is_open": "on"} if product["is_open"] else {}
    names = {name: product[name] for name in ("display_name", "description")}
    return {**names, "api_ids": ", ".join(product["api_ids"]), **is_open, **limits_as_filled(product["limits"])}


_KINDS = (
    _Kind(
        shown=ListPage(path=f"{GATEWAY}/version-sets", of=f"{API}/version-sets", template="gateway/version_sets.html"),
        id_name="version_set_id",
        title="version set",
        template="gateway/version_set.html",
        loss="Callers cannot choose among versions by it any more. One that has APIs is not deleted.",
        make=version_set_of,
        change=_set_change,
        fill=dict,
    ),
    _Kind(
        shown=ListPage(
            path=f"{GATEWAY}/products",
            of=f"{API}/products",
            template="gateway/products.html",
            words={"periods": _PERIODS},
        ),
        id_name="product_id",
        title="product",
        template="gateway/product.html",
        loss="Its APIs stay, and are called by other products and subscriptions only. One that has subscriptions is "
        "not deleted.",
        make=_new_product,
        change=product_of,
        fill=_filled_product,
    ),
)


def gateway_routes(pages: Pages) -> APIRouter:
    """`/console/gateway`: version sets, products, explain."""
    router = page_router(pages)
    for kind in _KINDS:
        _add_list(router, pages, kind)
        _add_one(router, pages, kind)
        _add_end(router, pages, kind)

    @router.get(f"{GATEWAY}/explain")
    async def explain(
        request: Request,
        api: ApiOf,
        url: Annotated[str, Query(max_length=4000)] = "",
        method: Annotated[str, Query(max_length=20)] = "POST",
        headers: Annotated[str, Query(max_length=8000)] = "",
    ) -> Response:
        asked = {
            "url": url,
            "method": method,
            "header": [line.strip() for line in headers.splitlines() if line.strip()],
        }
        parts = await api.parts(**({"found": ("Explanation", api.get(f"{API}/explain", asked))} if url else {}))
        context = {"parts": parts, "query": {"url": url, "method": method, "headers": headers}}
        return pages.render(request, "gateway/explain.html", context)

    return router


def _add_list(router: APIRouter, pages: Pages, kind: _Kind) -> None:
    shown = ListWithForm(pages, kind.shown)
    shown.add(router)

    @router.post(kind.shown.path)
    async def make(request: Request, api: ApiOf, form: Form) -> Response:
        try:
            body = kind.make(form)
        except Invalid as exc:
            return await shown.show(request, api, failed=(as_api_error(exc), form))
        return await shown.make(request, api, form, body)


def _add_one(router: APIRouter, pages: Pages, kind: _Kind) -> None:
    async def show(
        request: Request, api: Api, name: str, failed: tuple[ApiError, Mapping[str, str]] | None = None
    ) -> Response:
        found = await api.get(at(kind.shown.of, name))
        question = {"api_version_set_id": name} if kind.id_name == "version_set_id" else {}
        parts = await api.parts(apis=("APIs", api.get(f"{API}/apis", {**question, "limit": PAGE_ROWS})))
        error, filled = failed or (None, kind.fill(found))
        context = {**kind.shown.words, "it": found, "parts": parts, "error": error, "filled": filled}
        return pages.render(request, kind.template, context, status=200 if error is None else error.status)

    @router.get(f"{kind.shown.path}/{{name}}")
    async def one(request: Request, api: ApiOf, name: str) -> Response:
        return await show(request, api, name)

    @router.post(f"{kind.shown.path}/{{name}}")
    async def change(request: Request, api: ApiOf, name: str, form: Form) -> Response:
        try:
            revision = whole_number("revision", form.get("revision", ""))
            await api.patch(at(kind.shown.of, name), kind.change(form), revision=revision)
        except (ApiError, Invalid) as exc:
            return await show(request, api, name, (as_api_error(exc), form))
        return pages.go(at(kind.shown.path, name))


def _add_end(router: APIRouter, pages: Pages, kind: _Kind) -> None:
    @router.get(f"{kind.shown.path}/{{name}}/delete")
    async def ask_to_delete(request: Request, api: ApiOf, name: str) -> Response:
        found = await api.get(at(kind.shown.of, name))
        removal = Removal(
            heading=f"Delete the {kind.title} {found['display_name']}?",
            loss=kind.loss,
            facts=[("Id", found[kind.id_name]), ("Made by", found["created_by"])],
            button=f"Delete the {kind.title}",
            permission="gateway:write" if kind.id_name == "version_set_id" else "subscriptions:write",
            back=at(kind.shown.path, name),
        )
        return confirm(pages, request, removal)

    @router.post(f"{kind.shown.path}/{{name}}/delete")
    async def delete(api: ApiOf, name: str) -> Response:
        await api.delete(at(kind.shown.of, name))
        return pages.go(kind.shown.path)
