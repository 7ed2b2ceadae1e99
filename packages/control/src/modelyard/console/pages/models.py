"""The list of models, with the filters that the API has."""

from typing import Annotated

from fastapi import Query, Request, Response

from modelyard.console.addresses import PREFIX
from modelyard.console.rendering import Pages
from modelyard.console.routing import PAGE_ROWS, ApiOf, page_router
from modelyard.http.routing import APIRouter
from modelyard.paging import MAX_CURSOR

_API = "/api/v1/ml/registry/models"
_PATH = f"{PREFIX}/models"
_ORDERS = {
    "-last_updated": "changed last",
    "name": "name",
    "-created_at": "newest",
    "created_at": "oldest",
}
_STAGES = ("production", "staging", "archived", "none")


def model_list_routes(pages: Pages) -> APIRouter:
    """`/console/models`."""
    router = page_router(pages)

    @router.get(_PATH)
    async def models(
        request: Request,
        api: ApiOf,
        text: str = "",
        stage: str = "",
        owner: str = "",
        order: str = "-last_updated",
        cursor: Annotated[str, Query(max_length=MAX_CURSOR)] = "",
    ) -> Response:
        query = {"text": text, "stage": stage, "owner": owner, "order": order, "cursor": cursor}
        page = await api.get(_API, {**query, "limit": PAGE_ROWS})
        return pages.render(
            request, "models/list.html", {"page": page, "orders": _ORDERS, "stages": _STAGES, "query": query}
        )

    return router
