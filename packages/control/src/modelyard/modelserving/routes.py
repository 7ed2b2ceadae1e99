"""The routes of Models and ModelVersions: CRUD, with the plan and the job of a deletion."""

from typing import Annotated, Any

from fastapi import Depends, Query, Response

from modelyard.deletion.domain import Subject
from modelyard.deletion.restoring import Restoring
from modelyard.deletion.schemas import (
    AcceptedDeletion,
    DeletionQuery,
    PlanAnswer,
    RestoreBody,
    TombstoneAnswer,
    TombstonesAnswer,
)
from modelyard.deletion.service import DeletionService
from modelyard.http.guard import Requires
from modelyard.http.own_tenant import OF_OWN_TENANT
from modelyard.http.revision import ExpectedRevision, set_etag
from modelyard.http.routing import APIRouter
from modelyard.modelserving.schemas import (
    ModelBody,
    ModelVersionAnswer,
    ModelVersionsAnswer,
    ServedModelAnswer,
    ServedModelsAnswer,
    VersionBody,
)
from modelyard.modelserving.surface import Surface
from modelyard.paging import MAX_CURSOR, MAX_LIMIT
from modelyard.principals import Permission, Principal
from modelyard.registry.editing import Editing
from modelyard.registry.registration import Registration
from modelyard.registry.schemas import ModelChange, VersionChange
from modelyard.registry.service import RegistryService

Read = Annotated[Principal, Depends(Requires(Permission.MODELS_READ))]
Write = Annotated[Principal, Depends(Requires(Permission.MODELS_WRITE))]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]
Cursor = Annotated[str | None, Query(max_length=MAX_CURSOR)]
Wanted = Annotated[DeletionQuery, Query()]

_PREFIX = "/api/v1/modelserving/models"
_ACCEPTED: dict[int | str, dict[str, Any]] = {
    200: {"model": PlanAnswer, "description": "The plan; nothing was changed"},
    202: {"model": AcceptedDeletion, "description": "A job deletes it"},
}


def served_model_routes(registry: RegistryService, registration: Registration, editing: Editing) -> APIRouter:
    """Models, without what deletes them."""
    router = APIRouter(prefix=_PREFIX, tags=["modelserving"])

    @router.get("", dependencies=OF_OWN_TENANT)
    def list_models(caller: Read, limit: Limit = 50, cursor: Cursor = None) -> ServedModelsAnswer:
        """Models, by name."""
        page = registry.models(caller, limit=limit, cursor=cursor)
        return ServedModelsAnswer(
            models=[ServedModelAnswer.of(one) for one in page.items], next_cursor=page.next_cursor
        )

    @router.post("", status_code=201)
    def create_model(caller: Write, body: ModelBody) -> ServedModelAnswer:
        """Make a model without versions."""
        return ServedModelAnswer.of(
            registration.model(caller, name=body.name, description=body.description, tags=body.tags)
        )

    @router.get("/{name}")
    def one_model(caller: Read, name: str, response: Response) -> ServedModelAnswer:
        """One model; its revision is the ETag."""
        model = registry.model(caller, name)
        set_etag(response, model.revision)
        return ServedModelAnswer.of(model)

    @router.patch("/{name}")
    def edit_model(
        caller: Write, name: str, body: ModelChange, expected: ExpectedRevision, response: Response
    ) -> ServedModelAnswer:
        """Change a model's description, tags or owners."""
        model = editing.edit_model(
            caller, name, description=body.description, tags=body.tags, owners=body.owners, revision=expected
        )
        set_etag(response, model.revision)
        return ServedModelAnswer.of(model)

    return router


def served_version_routes(
    registry: RegistryService, registration: Registration, editing: Editing, surface: Surface
) -> APIRouter:
    """ModelVersions, without what deletes them."""
    router = APIRouter(prefix=_PREFIX + "/{name}/versions", tags=["modelserving"])

    @router.get("", dependencies=OF_OWN_TENANT)
    def list_versions(caller: Read, name: str, limit: Limit = 50, cursor: Cursor = None) -> ModelVersionsAnswer:
        """Versions of a model, newest first."""
        page = registry.page_of_versions(caller, name, limit=limit, cursor=cursor)
        return ModelVersionsAnswer(versions=surface.page(caller, name, page.items), next_cursor=page.next_cursor)

    @router.post("", status_code=201)
    def create_version(caller: Write, name: str, body: VersionBody, response: Response) -> ModelVersionAnswer:
        """Register a trained artifact as the next version of a model that is there."""
        registry.model(caller, name)
        version = registration.artifact(
            caller,
            name=name,
            artifact_id=body.artifact_id,
            given=body.given(),
        )
        set_etag(response, version.revision)
        return surface.version(caller, version)

    @router.get("/{version}")
    def one_version(caller: Read, name: str, version: int, response: Response) -> ModelVersionAnswer:
        """One version; its revision is the ETag."""
        found = registry.version(caller, name, version)
        set_etag(response, found.revision)
        return surface.version(caller, found)

    @router.patch("/{version}")
    def edit_version(
        caller: Write, name: str, version: int, body: VersionChange, expected: ExpectedRevision, response: Response
    ) -> ModelVersionAnswer:
        """Change a version's description or tags; nothing else of it ever changes."""
        found = editing.edit_version(
            caller, name, version, description=body.description, tags=body.tags, revision=expected
        )
        set_etag(response, found.revision)
        return surface.version(caller, found)

    return router


def deletion_routes(
    deletions: DeletionService, restoring: Restoring, registry: RegistryService, surface: Surface
) -> APIRouter:
    """What deletes, and what takes back."""
    router = APIRouter(prefix=_PREFIX + "/{name}", tags=["modelserving"])

    def delete(
        caller: Principal, subject: Subject, query: DeletionQuery, expected: int | None, response: Response
    ) -> PlanAnswer | AcceptedDeletion:
        mode = query.mode
        if query.dry_run:
            return PlanAnswer.of(deletions.plan(caller, subject, mode, undeploys=query.undeploy))
        response.status_code = 202
        job = deletions.delete(caller, subject, mode, undeploys=query.undeploy, reason=query.reason, revision=expected)
        return AcceptedDeletion.of(job)

    @router.delete("", responses=_ACCEPTED, response_model=None)
    def delete_model(
        caller: Write, name: str, query: Wanted, expected: ExpectedRevision, response: Response
    ) -> PlanAnswer | AcceptedDeletion:
        """Delete a model with all its versions and what belongs to them; or only say what that would do."""
        return delete(caller, Subject(caller.tenant_id, name, None), query, expected, response)

    @router.delete("/versions/{version}", responses=_ACCEPTED, response_model=None)
    def delete_version(
        caller: Write, name: str, version: int, query: Wanted, expected: ExpectedRevision, response: Response
    ) -> PlanAnswer | AcceptedDeletion:
        """Delete a version with what belongs to it; or only say what that would do."""
        return delete(caller, Subject(caller.tenant_id, name, version), query, expected, response)

    @router.get("/tombstones", dependencies=OF_OWN_TENANT)
    def list_tombstones(caller: Read, name: str, limit: Limit = 50, cursor: Cursor = None) -> TombstonesAnswer:
        """What is left of the model's deleted versions, the oldest version first."""
        page = restoring.tombstones(caller, name, limit=limit, cursor=cursor)
        if not page.items:
            registry.model(caller, name)
        return TombstonesAnswer(
            tombstones=[TombstoneAnswer.of(one) for one in page.items], next_cursor=page.next_cursor
        )

    @router.post("/versions/{version}/restore")
    def restore(caller: Write, name: str, version: int, body: RestoreBody) -> ModelVersionAnswer:
        """Take a deleted version back, before it is purged."""
        subject = Subject(caller.tenant_id, name, version)
        return surface.version(caller, restoring.restore(caller, subject, reason=body.reason))

    return router
