"""The routes of the catalogue (contract section 1): register, list, look. Stages are promotion's."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from modelyard.access.domain import Permission, Principal
from modelyard.errors import NotFound
from modelyard.http.guard import Requires
from modelyard.http.middleware.kept_answers import KEPT
from modelyard.http.revision import ExpectedRevision, set_etag
from modelyard.paging import MAX_LIMIT
from modelyard.registry.editing import Editing
from modelyard.registry.filters import ModelFilter, ModelOrder, VersionFilter, VersionOrder
from modelyard.registry.queries import model_filter, version_filter, version_order
from modelyard.registry.registration import Registration
from modelyard.registry.schemas import (
    ModelAnswer,
    ModelChange,
    ModelsAnswer,
    RegisterBody,
    VersionAnswer,
    VersionChange,
    VersionsAnswer,
)
from modelyard.registry.service import RegistryService

Read = Annotated[Principal, Depends(Requires(Permission.MODELS_READ))]
Write = Annotated[Principal, Depends(Requires(Permission.MODELS_WRITE))]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]
Cursor = Annotated[str | None, Query(max_length=2000)]
Order = Annotated[VersionOrder, Depends(version_order)]
Models = Annotated[ModelFilter, Depends(model_filter)]
Versions = Annotated[VersionFilter, Depends(version_filter)]


def catalogue_routes(registry: RegistryService, registration: Registration, editing: Editing) -> APIRouter:
    """Everything below `/api/v1/ml/registry` that is not a stage."""
    router = APIRouter(prefix="/api/v1/ml/registry", tags=["registry"])

    @router.post("/models", status_code=201)
    def register(body: RegisterBody, caller: Write, response: Response) -> VersionAnswer:
        """Register a trained artifact as the next version."""
        version = registration.artifact(
            caller,
            name=body.name,
            artifact_id=body.artifact_id,
            description=body.description,
            tags=body.tags,
            metrics=body.metrics,
        )
        set_etag(response, version.revision)
        return VersionAnswer.of(version)

    @router.get("/models", dependencies=[KEPT])
    def list_models(
        caller: Read,
        which: Models,
        order: ModelOrder = ModelOrder.NAME,
        tenant_id: str | None = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> ModelsAnswer:
        """Models of the caller's tenant that meet every filter."""
        if tenant_id not in (None, caller.tenant_id):
            # The same answer whether there is such a tenant or not: nobody can guess another's name.
            raise NotFound(
                "tenant_id: there is no such tenant for this token", code="tenant_not_found", field="tenant_id"
            )
        page = registry.models(caller, which, order=order, limit=limit, cursor=cursor)
        return ModelsAnswer(models=[ModelAnswer.of(model) for model in page.items], next_cursor=page.next_cursor)

    @router.get("/models/{name}", dependencies=[KEPT])
    def one_model(caller: Read, name: str, response: Response) -> ModelAnswer:
        """One model; its revision is the ETag."""
        model = registry.model(caller, name)
        set_etag(response, model.revision)
        return ModelAnswer.of(model)

    @router.patch("/models/{name}")
    def edit_model(
        caller: Write, name: str, body: ModelChange, expected: ExpectedRevision, response: Response
    ) -> ModelAnswer:
        """Change a model's description, tags or owners."""
        model = editing.edit_model(
            caller, name, description=body.description, tags=body.tags, owners=body.owners, revision=expected
        )
        set_etag(response, model.revision)
        return ModelAnswer.of(model)

    @router.get("/models/{name}/versions", dependencies=[KEPT])
    def list_versions(
        caller: Read, name: str, which: Versions, order: Order, limit: Limit = 50, cursor: Cursor = None
    ) -> VersionsAnswer:
        """Versions of a model that meet every filter, newest first unless another order is asked for."""
        page = registry.page_of_versions(caller, name, which, order=order, limit=limit, cursor=cursor)
        return VersionsAnswer(
            versions=[VersionAnswer.of(version) for version in page.items], next_cursor=page.next_cursor
        )

    @router.patch("/models/{name}/versions/{version}")
    def edit_version(
        caller: Write, name: str, version: int, body: VersionChange, expected: ExpectedRevision, response: Response
    ) -> VersionAnswer:
        """Change a version's description or tags; nothing else of it ever changes."""
        found = editing.edit_version(
            caller, name, version, description=body.description, tags=body.tags, revision=expected
        )
        set_etag(response, found.revision)
        return VersionAnswer.of(found)

    @router.get("/models/{name}/versions/{version}", dependencies=[KEPT])
    def one_version(caller: Read, name: str, version: int, response: Response) -> VersionAnswer:
        """One version; its revision is the ETag."""
        found = registry.version(caller, name, version)
        set_etag(response, found.revision)
        return VersionAnswer.of(found)

    return router
