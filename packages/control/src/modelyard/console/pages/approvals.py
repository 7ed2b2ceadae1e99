"""Who asks what into production: the evidence beside production's, the policy as a checklist, the decision."""

from fastapi import Request, Response

from modelyard.console.addresses import PREFIX
from modelyard.console.api import at
from modelyard.console.forms import Form
from modelyard.console.lists import ListPage, add_list
from modelyard.console.rendering import Pages
from modelyard.console.routing import ApiOf, page_router
from modelyard.errors import NotFound
from modelyard.http.routing import APIRouter

_API = "/api/v1/ml/registry"
_PATH = f"{PREFIX}/approvals"
_LIST = ListPage(
    path=_PATH,
    of=f"{_API}/requests",
    template="approvals/list.html",
    filters={"name": "", "status": "requested"},
    everything=frozenset({"all"}),
)
_DECISIONS = ("approve", "reject", "withdraw")


def approval_routes(pages: Pages) -> APIRouter:
    """`/console/approvals`."""
    router = page_router(pages)
    add_list(router, pages, _LIST)

    @router.get(f"{_PATH}/{{name}}/{{request_id}}")
    async def approval(request: Request, api: ApiOf, name: str, request_id: str) -> Response:
        where = at(f"{_API}/models", name)
        found = await api.get(at(f"{where}/requests", request_id))
        model = await api.get(where)
        versions = [model["production_version"], found["version"]]
        compared = ",".join(str(one) for one in versions if one is not None and versions.count(one) == 1)
        parts = await api.parts(
            version=("Version", api.get(at(f"{where}/versions", str(found["version"])))),
            findings=("Findings", api.get(f"{at(f'{where}/versions', str(found['version']))}/findings")),
            policy=("Policy", api.get(f"{where}/policy")),
            **(
                {"comparison": ("Comparison", api.get(f"{where}/compare", {"versions": compared}))}
                if "," in compared
                else {}
            ),
        )
        return pages.render(request, "approvals/one.html", {"asked": found, "model": model, "parts": parts})

    @router.post(f"{_PATH}/{{name}}/{{request_id}}/{{decision}}")
    async def decide(api: ApiOf, name: str, request_id: str, decision: str, form: Form) -> Response:
        if decision not in _DECISIONS:
            raise NotFound(f"there is no decision '{decision[:40]}'", code="not_found")
        await api.post(
            f"{at(f'{_API}/models', name, 'requests', request_id)}/{decision}", {"comment": form.get("comment", "")}
        )
        return pages.go(at(_PATH, name, request_id))

    return router
