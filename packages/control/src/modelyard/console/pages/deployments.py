"""Deployments: the list, and one with its replicas, drift, log, and what changes it."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import Request, Response

from modelyard.console.addresses import PREFIX
from modelyard.console.api import at
from modelyard.console.form_numbers import whole_number
from modelyard.console.forms import Form
from modelyard.console.lists import ListPage, add_list
from modelyard.console.rendering import Pages
from modelyard.console.routing import ApiOf, page_router
from modelyard.console.snippets import snippets
from modelyard.errors import Invalid
from modelyard.http.routing import APIRouter

_PATH = f"{PREFIX}/deployments"
_API = "/api/v1/deployments"
_STATUSES = ("pending", "starting", "ready", "degraded", "draining", "stopped", "failed")
_LIST = ListPage(
    path=_PATH,
    of=_API,
    template="deployments/list.html",
    filters={"model_name": "", "target": "", "status": ""},
    words={"statuses": _STATUSES},
)
_CHANGES = ("replicas", "version")
_VERSIONS = "/api/v1/ml/registry/models"
_NO_EXAMPLE = {"inputs": [[0.0]]}
"""Where a version has no example, the form of one."""


def deployment_routes(pages: Pages) -> APIRouter:
    """`/console/deployments`."""
    router = page_router(pages)
    add_list(router, pages, _LIST)

    @router.get(f"{_PATH}/{{deployment_id}}")
    async def deployment(request: Request, api: ApiOf, deployment_id: str) -> Response:
        where = at(_API, deployment_id)
        found = await api.get(where)
        version = at(_VERSIONS, found["model_name"], "versions", str(found["model_version"]))
        parts = await api.parts(
            drift=("Drift", api.get(f"{where}/drift")), example=("Example", api.get(f"{version}/example"))
        )
        example = parts["example"].value
        body = None if example is None else example["request"]
        context = {"it": found, "parts": parts, **_tried(found, body or _NO_EXAMPLE)}
        return pages.render(request, "deployments/one.html", context)

    @router.post(f"{_PATH}/{{deployment_id}}/try")
    async def try_it(request: Request, api: ApiOf, deployment_id: str, form: Form) -> Response:
        """Send what was written to the deployment's server, and show what it answers and the same for programs."""
        where = at(_API, deployment_id)
        found = await api.get(where)
        text = form.get("body", "")
        try:
            body = _json_object(text)
        except Invalid as error:
            parts = await api.parts(drift=("Drift", api.get(f"{where}/drift")))
            refused = {"it": found, "parts": parts, "body": text, "snippets": [], "error": error}
            return pages.render(request, "deployments/one.html", refused, status=HTTPStatus.UNPROCESSABLE_ENTITY)
        parts = await api.parts(
            drift=("Drift", api.get(f"{where}/drift")), answer=("Answer", api.post(f"{where}/predict", body))
        )
        context = {"it": found, "parts": parts, **_tried(found, body, text=text)}
        return pages.render(request, "deployments/one.html", context)

    @router.post(f"{_PATH}/{{deployment_id}}/change")
    async def change(api: ApiOf, deployment_id: str, form: Form) -> Response:
        """Replicas or the version, whichever the form names."""
        wanted = {name: whole_number(name, form[name]) for name in _CHANGES if form.get(name)}
        await api.patch(at(_API, deployment_id), dict(wanted))
        return pages.go(at(_PATH, deployment_id))

    return router


def _tried(deployment: Mapping[str, Any], body: Mapping[str, Any], *, text: str | None = None) -> dict[str, object]:
    """What the request console shows of a body: as it was written, and as programs send it."""
    url = deployment["api_url"] or deployment["url"]
    return {
        "error": None,
        "body": json.dumps(body, indent=2, ensure_ascii=False) if text is None else text,
        "snippets": [] if url is None else snippets(url, deployment["model_name"], body),
    }


def _json_object(text: str) -> dict[str, Any]:
    try:
        body = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise Invalid(f"body: expected JSON, got {text[:40]!r}", code="form_invalid", field="body") from exc
    if not isinstance(body, dict):
        raise Invalid(f"body: expected a JSON object, got {text[:40]!r}", code="form_invalid", field="body")
    return body
