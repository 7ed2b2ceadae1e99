"""The routes of holds. Putting and lifting one is governance, not development."""

from typing import Annotated

from fastapi import Depends, Query

from modelyard.holds.domain import Hold
from modelyard.holds.schemas import HoldAnswer, HoldBody, HoldsAnswer, LiftBody
from modelyard.holds.service import HoldService
from modelyard.http.guard import Requires
from modelyard.http.own_tenant import OF_OWN_TENANT
from modelyard.http.routing import APIRouter
from modelyard.paging import MAX_CURSOR, MAX_LIMIT
from modelyard.ports.clock import Clock
from modelyard.principals import Permission, Principal
from modelyard.registry.service import RegistryService

Read = Annotated[Principal, Depends(Requires(Permission.MODELS_READ))]
Govern = Annotated[Principal, Depends(Requires(Permission.MODELS_GOVERN))]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]
Cursor = Annotated[str | None, Query(max_length=MAX_CURSOR)]


def hold_routes(holds: HoldService, registry: RegistryService, clock: Clock) -> APIRouter:
    """The holds below `/api/v1/ml/registry/models/{name}`."""
    router = APIRouter(prefix="/api/v1/ml/registry/models/{name}", tags=["holds"])

    def answer(hold: Hold) -> HoldAnswer:
        return HoldAnswer.of(hold, now=clock.now())

    @router.get("/holds", dependencies=OF_OWN_TENANT)
    def list_holds(
        caller: Read, name: str, version: int | None = None, limit: Limit = 50, cursor: Cursor = None
    ) -> HoldsAnswer:
        """Holds that lie or lay on the model's versions, or on one of them, the oldest first."""
        registry.model(caller, name)
        page = holds.page(caller, name, version, limit=limit, cursor=cursor)
        return HoldsAnswer(holds=[answer(hold) for hold in page.items], next_cursor=page.next_cursor)

    @router.post("/versions/{version}/holds", status_code=201)
    def put_hold(caller: Govern, name: str, version: int, body: HoldBody) -> HoldAnswer:
        """Keep a version from being deleted."""
        found = registry.version(caller, name, version)
        return answer(holds.put(caller, name, found.version, reason=body.reason, until=body.until))

    @router.post("/holds/{hold_id}/lift")
    def lift_hold(caller: Govern, name: str, hold_id: str, body: LiftBody) -> HoldAnswer:
        """Take a hold off; what it was stays on record."""
        return answer(holds.lift(caller, name, hold_id, reason=body.reason))

    return router
