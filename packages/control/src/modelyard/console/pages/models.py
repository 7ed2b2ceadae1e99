"""The list of models, with the filters that the API has."""

from modelyard.console.addresses import PREFIX
from modelyard.console.lists import ListPage, add_list
from modelyard.console.rendering import Pages
from modelyard.console.routing import page_router
from modelyard.http.routing import APIRouter

_ORDERS = {
    "-last_updated": "changed last",
    "name": "name",
    "-created_at": "newest",
    "created_at": "oldest",
}
_STAGES = ("production", "staging", "archived", "none")
_LIST = ListPage(
    path=f"{PREFIX}/models",
    of="/api/v1/ml/registry/models",
    template="models/list.html",
    filters={"text": "", "stage": "", "owner": "", "order": "-last_updated"},
    words={"orders": _ORDERS, "stages": _STAGES},
)


def model_list_routes(pages: Pages) -> APIRouter:
    """`/console/models`."""
    router = page_router(pages)
    add_list(router, pages, _LIST)
    return router
