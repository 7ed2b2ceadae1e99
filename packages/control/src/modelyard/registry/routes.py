"""The routes of the catalogue (contract section 1): register, list, look. Stages are promotion's."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from modelyard.access.domain import Permission, Principal
from modelyard.errors import NotFound
from modelyard.http.guard import Requires
from modelyard.http.revision import set_etag
from modelyard.paging import MAX_LIMIT
from modelyard.registry.registration import Registration
from modelyard.registry.schemas import (
    ModelAnswer,
    ModelsAnswer,
    RegisterBody,
    VersionAnswer,
    VersionsAnswer,
)
from modelyard.registry.service import RegistryService
from modelyard.registry.states import Stage

Read = Annotated[Principal, Depends(Requires(Permission.MODELS_READ))]
Write = Annotated[Principal, Depends(Requires(Permission.MODELS_WRITE))]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]
Cursor = Annotated[str | None, Query(max_length=400)]


def catalogue_routes(registry: RegistryService, registration: Registration) -> APIRouter:
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

    @router.get("/models")
    def list_models(
        caller: Read, tenant_id: str | None = None, limit: Limit = 50, cursor: Cursor = None
    ) -> ModelsAnswer:
        """Models of the caller's tenant, by name."""
        if tenant_id not in (None, caller.tenant_id):
            # The same answer whether there is such a tenant or not: nobody can guess another's name.
            raise NotFound(
                "tenant_id: there is no such tenant for this token", code="tenant_not_found", field="tenant_id"
            )
        page = registry.models(caller, limit=limit, cursor=cursor)
        return ModelsAnswer(models=[ModelAnswer.of(model) for model in page.items], next_cursor=page.next_cursor)

    @router.get("/models/{name}")
    def one_model(caller: Read, name: str) -> ModelAnswer:
        """One model."""
        return ModelAnswer.of(registry.model(caller, name))

    @router.get("/models/{name}/versions")
    def list_versions(
        caller: Read, name: str, stage: Stage | None = None, limit: Limit = 50, cursor: Cursor = None
    ) -> VersionsAnswer:
        """Versions of a model, newest first."""
        page = registry.page_of_versions(caller, name, stage=stage, limit=limit, cursor=cursor)
        return VersionsAnswer(
            versions=[VersionAnswer.of(version) for version in page.items], next_cursor=page.next_cursor
        )

    @router.get("/models/{name}/versions/{version}")
    def one_version(caller: Read, name: str, version: int, response: Response) -> VersionAnswer:
        """One version; its revision is the ETag."""
        found = registry.version(caller, name, version)
        set_etag(response, found.revision)
        return VersionAnswer.of(found)

    return router
