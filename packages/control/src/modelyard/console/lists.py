"""Pages of lists. All have one shape: filters in the address, one call of the API, one template."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from fastapi import Depends, Request, Response

from modelyard.console.api import Json
from modelyard.console.rendering import Pages
from modelyard.console.routing import PAGE_ROWS, ApiOf
from modelyard.errors import Invalid
from modelyard.http.known_queries import passes_query_on
from modelyard.http.routing import APIRouter
from modelyard.paging import MAX_CURSOR

_SHOWN = 80

Query = Mapping[str, str]
"""The filters of an address, all of them, and `cursor`."""


@dataclass(frozen=True, slots=True)
class ListPage:
    """A page of a list.

    Attributes:
        path: of the page.
        of: the path of the API that gives a page of it.
        filters: the names that the address may have, each with what counts when it has not.
        everything: words of filters for which the API is asked for all.
        words: what the template is given besides, such as the choices of a filter.
    """

    path: str
    of: str
    template: str
    filters: Mapping[str, str] = field(default_factory=dict)
    everything: frozenset[str] = frozenset()
    words: Mapping[str, Any] = field(default_factory=dict)

    def asked(self, request: Request) -> Query:
        """The filters of a request's address.

        Raises:
            Invalid: code `query_unknown` or `query_repeated`, or `request_invalid` for one that is too long.
        """
        found = {**self.filters, "cursor": ""}
        seen = set()
        for name, value in parse_qsl(request.url.query, keep_blank_values=True):
            if name not in found:
                said = f"query: expected one of {', '.join(sorted(found))}, got {name[:_SHOWN]!r}"
                raise Invalid(said, code="query_unknown", field=name[:_SHOWN] or "query")
            if name in seen:
                raise Invalid(f"{name}: expected it once, got it several times", code="query_repeated", field=name)
            if len(value) > MAX_CURSOR:
                said = f"{name}: expected at most {MAX_CURSOR} characters, got {len(value)}"
                raise Invalid(said, code="request_invalid", field=name)
            seen.add(name)
            found[name] = value
        return found

    def question(self, query: Query) -> dict[str, str | int | None]:
        """What the API is asked for."""
        return {name: None if value in self.everything else value for name, value in query.items()} | {
            "limit": PAGE_ROWS
        }


def add_list(router: APIRouter, pages: Pages, shown: ListPage) -> None:
    """The route of a list that is a page of its own."""

    @router.get(shown.path, dependencies=[Depends(passes_query_on)])
    async def show(request: Request, api: ApiOf) -> Response:
        query = shown.asked(request)
        return render_list(pages, request, shown, await api.get(shown.of, shown.question(query)), query)


def render_list(
    pages: Pages,
    request: Request,
    shown: ListPage,
    page: Json,
    query: Query,
    *,
    status: int = HTTPStatus.OK,
    **more: Any,
) -> Response:
    """A page of a list as the API gave it."""
    context = {"page": page, "query": query, **shown.words, **more}
    return pages.render(request, shown.template, context, status=status)
