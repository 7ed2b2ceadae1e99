"""What needs somebody: approvals, failed jobs, deployments that are not well, roll-outs.

On an empty installation, how to begin.
"""

from fastapi import Request, Response

from modelyard.console.addresses import PREFIX
from modelyard.console.api import Part
from modelyard.console.rendering import Pages
from modelyard.console.routing import ApiOf, page_router
from modelyard.http.routing import APIRouter

_MOST = 8


def now_routes(pages: Pages) -> APIRouter:
    """`/console`."""
    router = page_router(pages)

    @router.get(PREFIX)
    async def now(request: Request, api: ApiOf) -> Response:
        parts = await api.parts(
            requests=("Approvals", api.get("/api/v1/ml/registry/requests", {"status": "requested", "limit": _MOST})),
            failed=("Failed jobs", api.get("/mlops/jobs", {"status": "failed", "limit": _MOST})),
            running=("Jobs under way", api.get("/mlops/jobs", {"status": "running", "limit": _MOST})),
            degraded=("Degraded deployments", api.get("/api/v1/deployments", {"status": "degraded", "limit": _MOST})),
            broken=("Failed deployments", api.get("/api/v1/deployments", {"status": "failed", "limit": _MOST})),
            rollouts=("Roll-outs", api.get("/api/v1/rollouts", {"limit": _MOST})),
            status=("Platform", api.get("/mlops/status")),
            models=("Models", api.get("/api/v1/ml/registry/models", {"limit": 1})),
        )
        return pages.render(request, "now/now.html", {"parts": parts, "is_empty": _is_empty(parts)})

    return router


def _is_empty(parts: dict[str, Part]) -> bool:
    """Whether nobody has begun anything here."""
    models, running, failed = (parts[name].value for name in ("models", "running", "failed"))
    return (
        models is not None
        and not models["models"]
        and not (running or {}).get("jobs")
        and not (failed or {}).get("jobs")
    )
