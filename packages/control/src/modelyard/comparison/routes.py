"""The routes of comparison: as JSON, and as a picture."""

import re
from typing import Annotated, Any

from fastapi import Depends, Query, Response

from modelyard.comparison.picture import picture
from modelyard.comparison.schemas import ComparisonAnswer
from modelyard.comparison.service import ComparisonService
from modelyard.errors import Invalid
from modelyard.http.guard import Requires
from modelyard.http.routing import APIRouter
from modelyard.principals import Permission, Principal

Read = Annotated[Principal, Depends(Requires(Permission.MODELS_READ))]
Versions = Annotated[str, Query(description="2 to 20 numbers, like 2,3; the lowest is the baseline", examples=["2,3"])]

_MAX_COMPARED = 20
_NUMBERS = re.compile(r"[1-9]\d{0,8}(?:,[1-9]\d{0,8})+")
_SVG = "image/svg+xml"
_PICTURE: dict[int | str, dict[str, Any]] = {200: {"content": {_SVG: {"schema": {"type": "string"}}}}}
# Opened by itself, a picture is a document: it may style itself and do nothing else.
_HEADERS = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}


def comparison_routes(comparisons: ComparisonService) -> APIRouter:
    """Versions of a model side by side."""
    router = APIRouter(prefix="/api/v1/ml/registry", tags=["registry"])

    @router.get("/models/{name}/compare")
    def compare(caller: Read, name: str, versions: Versions) -> ComparisonAnswer:
        """Two or more versions side by side, with a recommendation that is computed."""
        return ComparisonAnswer.of(name, comparisons.compare(caller, name, _numbers(versions)))

    @router.get("/models/{name}/compare.svg", response_class=Response, responses=_PICTURE)
    def compare_picture(caller: Read, name: str, versions: Versions) -> Response:
        """The same as a picture for people."""
        found = comparisons.compare(caller, name, _numbers(versions))
        return Response(picture(name, found), media_type=_SVG, headers=_HEADERS)

    return router


def _numbers(text: str) -> list[int]:
    numbers = list(dict.fromkeys(int(part) for part in text.split(","))) if _NUMBERS.fullmatch(text) else []
    if not 2 <= len(numbers) <= _MAX_COMPARED:
        raise Invalid(
            f"versions: expected 2 to {_MAX_COMPARED} different numbers, like 2,3, got {text[:80]!r}",
            code="versions_invalid",
            field="versions",
        )
    return numbers
