"""The page on which people try the API. All that it loads comes from here, so it works without the internet."""

from collections.abc import Callable
from importlib.resources import as_file, files
from pathlib import Path

from fastapi import Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse

from modelyard.http.routing import APIRouter

_FOLDER = files("fastapi_offline") / "static"
_PARTS = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css"}
_ICON = "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg'/>"
DOCS = "/docs"
DOCS_PATHS = frozenset({DOCS, *(f"{DOCS}/{name}" for name in _PARTS)})
"""Every path of the page."""


def docs_routes() -> APIRouter:
    """The page and its script and style."""
    router = APIRouter(include_in_schema=False)

    @router.get(DOCS)
    async def page() -> HTMLResponse:
        script, style = (f"{DOCS}/{name}" for name in _PARTS)
        return get_swagger_ui_html(
            openapi_url="/openapi.json",
            title="Modelyard",
            swagger_js_url=script,
            swagger_css_url=style,
            swagger_favicon_url=_ICON,
            swagger_ui_parameters={"docExpansion": "none"},
        )

    @router.get("/openapi.json")
    async def document(request: Request) -> JSONResponse:
        return JSONResponse(request.app.openapi())

    for name, media_type in _PARTS.items():
        router.add_api_route(f"{DOCS}/{name}", _part(name, media_type), methods=["GET"])
    return router


def _part(name: str, media_type: str) -> Callable[[], FileResponse]:
    with as_file(_FOLDER / name) as found:
        path = Path(found)

    def part() -> FileResponse:
        return FileResponse(path, media_type=media_type, headers={"cache-control": "public, max-age=86400"})

    return part
