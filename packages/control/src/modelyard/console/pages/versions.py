"""One version, and several beside each other."""

from typing import Annotated

from fastapi import Query, Request, Response

from modelyard.console.addresses import PREFIX
from modelyard.console.api import at
from modelyard.console.pictures.lineage import lineage_picture
from modelyard.console.rendering import Pages
from modelyard.console.routing import ApiOf, page_router
from modelyard.http.routing import APIRouter

_API = "/api/v1/ml/registry/models"
_TABS = ("overview", "files", "lineage", "findings")


def version_routes(pages: Pages) -> APIRouter:
    """`/console/models/{name}/versions/{version}` and `/console/models/{name}/compare`."""
    router = page_router(pages)

    @router.get(f"{PREFIX}/models/{{name}}/versions/{{version}}")
    async def version(request: Request, api: ApiOf, name: str, version: str, tab: str = "overview") -> Response:
        where = at(_API, name, "versions", version)
        found = await api.get(where)
        parts = await api.parts(
            bundle=("Bundle", api.get(f"{where}/bundle")),
            findings=("Findings", api.get(f"{where}/findings")),
            artifacts=("Files", api.get(f"{where}/artifacts")),
            lineage=("Lineage", api.get(f"{where}/lineage")),
            images=("Images", api.get(f"{where}/images")),
            example=("Example", api.get(f"{where}/example")),
            model=("Model", api.get(at(_API, name))),
        )
        lineage = parts["lineage"].value
        context = {
            "version": found,
            "parts": parts,
            "tab": tab if tab in _TABS else _TABS[0],
            "tabs": _TABS,
            "picture": None if lineage is None else lineage_picture(lineage),
        }
        return pages.render(request, "models/version.html", context)

    @router.get(f"{PREFIX}/models/{{name}}/compare")
    async def compare(
        request: Request,
        api: ApiOf,
        name: str,
        versions: Annotated[str, Query(max_length=200)] = "",
        baseline: Annotated[str, Query(max_length=20)] = "",
        candidate: Annotated[str, Query(max_length=20)] = "",
    ) -> Response:
        where = at(_API, name)
        listed = await api.get(f"{where}/versions", {"order": "-version", "limit": 50})
        asked = versions or ",".join(one for one in (baseline, candidate) if one) or _two_newest(listed["versions"])
        parts = await api.parts(comparison=("Comparison", api.get(f"{where}/compare", {"versions": asked})))
        context = {"name": name, "listed": listed["versions"], "asked": asked.split(","), "parts": parts}
        return pages.render(request, "compare/compare.html", context)

    return router


def _two_newest(versions: list[dict[str, int]]) -> str:
    return ",".join(str(one["version"]) for one in reversed(versions[:2]))
