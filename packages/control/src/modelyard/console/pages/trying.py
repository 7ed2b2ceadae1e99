"""The request console: a body and headers, filled with the version's own example, sent to a deployment's server."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import Request, Response

from modelyard.console.addresses import PREFIX
from modelyard.console.api import Json, at
from modelyard.console.forms import Form, lines
from modelyard.console.rendering import Pages
from modelyard.console.routing import ApiOf, as_api_error, page_router
from modelyard.console.snippets import snippets
from modelyard.errors import Invalid
from modelyard.http.header_lines import headers_of
from modelyard.http.routing import APIRouter

_API = "/api/v1/deployments"
_VERSIONS = "/api/v1/ml/registry/models"
_TRY = f"{PREFIX}/deployments/{{deployment_id}}/try"
_NO_EXAMPLE = {"inputs": [[0.0]]}
"""Where a version has no example, the form of one."""


def trying_routes(pages: Pages) -> APIRouter:
    """`/console/deployments/{id}/try`."""
    router = page_router(pages)

    @router.get(_TRY)
    async def filled(request: Request, api: ApiOf, deployment_id: str) -> Response:
        found = await api.get(at(_API, deployment_id))
        parts = await api.parts(example=("Example", api.get(example_of(found))))
        context = {"it": found, "parts": parts, **as_example(found, parts["example"].value)}
        return pages.render(request, "deployments/try.html", context)

    @router.post(_TRY)
    async def try_it(request: Request, api: ApiOf, deployment_id: str, form: Form) -> Response:
        """Send what was written, and show what is answered and the same for programs."""
        where = at(_API, deployment_id)
        found = await api.get(where)
        text, written = form.get("body", ""), form.get("headers", "")
        given = lines(form, "headers")
        try:
            body, headers = _json_object(text), headers_of(given)
        except Invalid as exc:
            refused = {"it": found, "parts": {}, "body": text, "headers": written, "snippets": []}
            status = HTTPStatus.UNPROCESSABLE_ENTITY
            return pages.render(request, "deployments/try.html", refused | {"error": as_api_error(exc)}, status=status)
        parts = await api.parts(answer=("Answer", api.post(f"{where}/predict", body, {"header": given})))
        context = {"it": found, "parts": parts, **_shown(found, body, headers), "body": text, "headers": written}
        return pages.render(request, "deployments/try.html", context)

    return router


def example_of(deployment: Mapping[str, Any]) -> str:
    """The path of the API that gives the example of a deployment's version."""
    return f"{at(_VERSIONS, deployment['model_name'], 'versions', str(deployment['model_version']))}/example"


def as_example(deployment: Mapping[str, Any], example: Json | None) -> dict[str, object]:
    """What the request console shows before anything was sent."""
    return _shown(deployment, (example or {}).get("request") or _NO_EXAMPLE, [])


def _shown(deployment: Mapping[str, Any], body: Mapping[str, Any], headers: list[tuple[str, str]]) -> dict[str, object]:
    url = deployment["api_url"] or deployment["url"]
    return {
        "error": None,
        "body": json.dumps(body, indent=2, ensure_ascii=False),
        "headers": "",
        "snippets": [] if url is None else snippets(url, deployment["model_name"], body, headers),
    }


def _json_object(text: str) -> dict[str, Any]:
    try:
        body = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise Invalid(f"body: expected JSON, got {text[:40]!r}", code="form_invalid", field="body") from exc
    if not isinstance(body, dict):
        raise Invalid(f"body: expected a JSON object, got {text[:40]!r}", code="form_invalid", field="body")
    return body
