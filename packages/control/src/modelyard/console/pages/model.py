"""One model: its versions, what was live when and who put it there, and what leads a version from stage to stage."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Query, Request, Response

from modelyard.console.addresses import PREFIX
from modelyard.console.api import at
from modelyard.console.forms import Form
from modelyard.console.pictures.timeline import timeline
from modelyard.console.rendering import Pages
from modelyard.console.routing import PAGE_ROWS, ApiOf, page_router
from modelyard.http.routing import APIRouter
from modelyard.paging import MAX_CURSOR

_API = "/api/v1/ml/registry/models"
_MODEL = f"{PREFIX}/models/{{name}}"
_STAYS = 200
"""Stays that the slider shows; older ones are a page of the API."""


def model_routes(pages: Pages) -> APIRouter:
    """`/console/models/{name}`."""
    router = page_router(pages)

    @router.get(_MODEL)
    async def model(
        request: Request,
        api: ApiOf,
        name: str,
        moment: Annotated[str, Query(alias="at", max_length=40)] = "",
        stage: str = "",
        order: str = "-version",
        cursor: Annotated[str, Query(max_length=MAX_CURSOR)] = "",
    ) -> Response:
        where = at(_API, name)
        query = {"stage": stage, "order": order, "cursor": cursor}
        found = await api.get(where)
        parts = await api.parts(
            versions=("Versions", api.get(f"{where}/versions", {**query, "limit": PAGE_ROWS})),
            stays=("What was live", api.get(f"{where}/production/history", {"limit": _STAYS})),
            live=("What was live then", api.get(f"{where}/production", {"at": moment})),
            policy=("Policy", api.get(f"{where}/policy")),
            deployments=("Deployments", api.get("/api/v1/deployments", {"model_name": name})),
            requests=("Approvals", api.get("/api/v1/ml/registry/requests", {"name": name, "status": "requested"})),
            traffic=("Traffic", api.get(at("/api/v1/gateway/traffic", name))),
            shadow=("Shadow", api.get(at("/api/v1/gateway/traffic", name, "comparison"))),
        )
        stays = parts["stays"].value
        picture = None if stays is None else timeline(stays["stays"], now=datetime.now(UTC), chosen=moment or None)
        context = {"model": found, "parts": parts, "picture": picture, "moment": moment, "query": query}
        return pages.render(request, "models/model.html", context)

    @router.post(f"{_MODEL}/rollback")
    async def roll_back(api: ApiOf, name: str, form: Form) -> Response:
        await api.post(f"{at(_API, name)}/rollback", {"comment": form.get("comment", "")})
        return pages.go(at(f"{PREFIX}/models", name))

    @router.post(f"{_MODEL}/versions/{{version}}/stage")
    async def stage(api: ApiOf, name: str, version: str, form: Form) -> Response:
        body = {"stage": form.get("stage", ""), "comment": form.get("comment", "")}
        answer = await api.post(f"{at(_API, name, 'versions', version)}/stage", body)
        if answer["request"] is not None and answer["request"]["status"] == "requested":
            return pages.go(at(f"{PREFIX}/approvals", name, answer["request"]["request_id"]))
        return pages.go(at(f"{PREFIX}/models", name, "versions", version))

    return router
