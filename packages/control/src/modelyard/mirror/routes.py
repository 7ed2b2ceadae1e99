"""The mirror's routes: what differs, its repair, each over a page of models; and the import."""

from typing import Annotated

from fastapi import Depends, Query

from modelyard.http.guard import Requires
from modelyard.http.own_tenant import OF_OWN_TENANT
from modelyard.http.routing import APIRouter
from modelyard.mirror.import_job import Importing
from modelyard.mirror.reconciliation import Reconciliation
from modelyard.mirror.schemas import AcceptedImport, ImportAnswer, MirrorAnswer, RepairAnswer
from modelyard.paging import MAX_CURSOR, MAX_LIMIT
from modelyard.principals import Permission, Principal

Read = Annotated[Principal, Depends(Requires(Permission.MODELS_READ))]
Write = Annotated[Principal, Depends(Requires(Permission.MODELS_WRITE))]
Govern = Annotated[Principal, Depends(Requires(Permission.MODELS_GOVERN))]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]
Cursor = Annotated[str | None, Query(max_length=MAX_CURSOR)]


def mirror_routes(reconciliation: Reconciliation, importing: Importing) -> APIRouter:
    """Everything below `/api/v1/ml/registry/mirror`."""
    router = APIRouter(prefix="/api/v1/ml/registry/mirror", tags=["registry"])

    @router.get("", dependencies=OF_OWN_TENANT)
    def status(caller: Read, limit: Limit = 50, cursor: Cursor = None) -> MirrorAnswer:
        """Compare models with MLflow's registry, now. Changes nothing."""
        return MirrorAnswer.of(reconciliation.report(caller, limit=limit, cursor=cursor))

    @router.post("/repair")
    def repair(caller: Govern, limit: Limit = 50, cursor: Cursor = None) -> RepairAnswer:
        """Make MLflow's registry show what our tables say."""
        return RepairAnswer.of(reconciliation.repair(caller, limit=limit, cursor=cursor))

    @router.post("/import", status_code=202)
    def import_(caller: Write) -> AcceptedImport:
        """Take over versions that were registered in MLflow, also those that were refused before, by a job."""
        return AcceptedImport.of(importing.begin(caller))

    @router.get("/imports/{import_job_id}")
    def outcome(caller: Read, import_job_id: str) -> ImportAnswer:
        """What an import has taken over by now, and what not."""
        return ImportAnswer.of(importing.find(caller, import_job_id))

    return router
