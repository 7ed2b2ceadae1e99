"""Where deployments begin and end: a form that deploys a version, and what asks before one is stopped."""

from collections.abc import Mapping

from fastapi import Request, Response

from modelyard.console.addresses import PREFIX
from modelyard.console.api import Api, ApiError, at
from modelyard.console.confirmation import Removal, confirm
from modelyard.console.deployment_forms import deployment_of
from modelyard.console.forms import Form
from modelyard.console.rendering import Pages
from modelyard.console.routing import ApiOf, as_api_error, page_router
from modelyard.console.words import NOTHING
from modelyard.errors import Invalid
from modelyard.http.routing import APIRouter

_PATH = f"{PREFIX}/deployments"
_API = "/api/v1/deployments"
_OVERRIDDEN = ("deployment_bound", "deployment_divided")
"""Refusals to stop one that `force` overrides."""


def deploying_routes(pages: Pages) -> APIRouter:
    """`/console/deployments/new` and `/console/deployments/{id}/stop`; it comes before the deployments themselves."""
    router = page_router(pages)

    @router.get(f"{_PATH}/new")
    async def form_of_a_deployment(request: Request, api: ApiOf, model: str = "", version: str = "") -> Response:
        return await _form(pages, request, api, {"model_name": model, "version": version})

    @router.post(f"{_PATH}/new")
    async def deploy(request: Request, api: ApiOf, form: Form) -> Response:
        try:
            begun = await api.post(_API, deployment_of(form))
        except (ApiError, Invalid) as exc:
            return await _form(pages, request, api, form, as_api_error(exc))
        return pages.go(at(f"{PREFIX}/jobs", str(begun["job_id"])))

    @router.get(f"{_PATH}/{{deployment_id}}/stop")
    async def ask_to_stop(request: Request, api: ApiOf, deployment_id: str) -> Response:
        return confirm(pages, request, await _stopping(api, deployment_id))

    @router.post(f"{_PATH}/{{deployment_id}}/stop")
    async def stop(request: Request, api: ApiOf, deployment_id: str, form: Form) -> Response:
        """One that APIs lead to is stopped when somebody has read so and insists."""
        try:
            await api.delete(at(_API, deployment_id), {"force": "true" if "force" in form else None})
        except ApiError as error:
            if error.code not in _OVERRIDDEN:
                raise
            removal = await _stopping(api, deployment_id)
            return confirm(pages, request, removal, error=error, insist="Stop it all the same")
        return pages.go(at(_PATH, deployment_id))

    return router


async def _stopping(api: Api, deployment_id: str) -> Removal:
    found = await api.get(at(_API, deployment_id))
    return Removal(
        heading=f"Stop the deployment of {found['model_name']} {found['model_version']}?",
        loss="It answers what it has begun, takes no further request, and ends. The version stays in the registry.",
        facts=[
            ("Deployment", found["deployment_id"]),
            ("Target", found["target"]),
            ("Ready replicas", f"{found['ready_replicas']} of {found['replicas']}"),
            ("Address", found["api_url"] or found["url"] or NOTHING),
        ],
        button="Stop the deployment",
        permission="deployments:write",
        back=at(_PATH, deployment_id),
    )


async def _form(
    pages: Pages, request: Request, api: Api, filled: Mapping[str, str], error: ApiError | None = None
) -> Response:
    """The form, with the targets that there are."""
    parts = await api.parts(status=("Targets", api.get("/mlops/status")))
    status = parts["status"].value
    context = {"filled": filled, "error": error, "parts": parts, "targets": [] if status is None else status["targets"]}
    return pages.render(request, "deployments/new.html", context, status=200 if error is None else error.status)
