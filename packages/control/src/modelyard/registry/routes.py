"""The routes of the catalogue: register, list, look. Stages are promotion's."""

from functools import partial
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Depends, Query, Response

from modelyard.http.guard import Requires
from modelyard.http.middleware.kept_answers import kept
from modelyard.http.own_tenant import OF_OWN_TENANT
from modelyard.http.revision import ExpectedRevision, set_etag
from modelyard.http.told import Told
from modelyard.paging import DEFAULT_LIMIT, MAX_CURSOR, MAX_LIMIT
from modelyard.principals import Permission, Principal
from modelyard.registry.editing import Editing
from modelyard.registry.reading import CatalogueReading
from modelyard.registry.registration import Registration
from modelyard.registry.schemas import (
    Answer,
    ModelAnswer,
    ModelChange,
    ModelsAnswer,
    RegisterBody,
    VersionAnswer,
    VersionChange,
    VersionsAnswer,
)
from modelyard.registry.search.filters import ModelFilter, ModelOrder, VersionFilter, VersionOrder
from modelyard.registry.search.queries import model_filter, version_filter, version_order
from modelyard.registry.service import RegistryService

_PREFIX = "/api/v1/ml/registry"

Read = Annotated[Principal, Depends(Requires(Permission.MODELS_READ))]
Write = Annotated[Principal, Depends(Requires(Permission.MODELS_WRITE))]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]
Cursor = Annotated[str | None, Query(max_length=MAX_CURSOR)]
Order = Annotated[VersionOrder, Depends(version_order)]
Models = Annotated[ModelFilter, Depends(model_filter)]
Versions = Annotated[VersionFilter, Depends(version_filter)]


def catalogue_reads(registry: RegistryService, reading: CatalogueReading) -> APIRouter:
    """Look at models and versions. What is asked all day is answered before a route is looked for (at_once.py)."""
    router = APIRouter(prefix=_PREFIX, tags=["registry"])

    @router.get("/models/{name}/versions/{version}", response_model=VersionAnswer)
    @kept
    def one_version(caller: Read, name: str, version: int) -> Response:
        """One version; its revision is the ETag."""
        found = registry.version(caller, name, version)
        return _told(VersionAnswer.of(found), found.revision).response()

    @router.get("/models/{name}", response_model=ModelAnswer)
    @kept
    def one_model(caller: Read, name: str) -> Response:
        """One model; its revision is the ETag."""
        model = registry.model(caller, name)
        return _told(ModelAnswer.of(model), model.revision).response()

    @router.get("/models/{name}/versions", response_model=VersionsAnswer, dependencies=OF_OWN_TENANT)
    @kept
    async def list_versions(
        caller: Read, name: str, which: Versions, order: Order, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
    ) -> Response:
        """Versions of a model that meet every filter, newest first unless another order is asked for."""
        if which == VersionFilter(stage=which.stage) and order.metric is None:
            told = await reading.versions(
                caller.tenant_id, name, stage=which.stage, order=order, limit=limit, cursor=cursor
            )
            if told is not None:
                return told.response()
        find = partial(registry.page_of_versions, caller, name, which, order=order, limit=limit, cursor=cursor)
        page = await to_thread.run_sync(find)
        return _told(VersionsAnswer.of(page)).response()

    @router.get("/models", response_model=ModelsAnswer, dependencies=OF_OWN_TENANT)
    @kept
    async def list_models(
        caller: Read,
        which: Models,
        order: ModelOrder = ModelOrder.NAME,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> Response:
        """Models of the caller's tenant that meet every filter."""
        told = await reading.models(caller.tenant_id, which, order=order, limit=limit, cursor=cursor)
        return told.response()

    return router


def catalogue_writes(registration: Registration, editing: Editing) -> APIRouter:
    """Register versions and edit what may be edited."""
    router = APIRouter(prefix=_PREFIX, tags=["registry"])

    @router.post("/models", status_code=201)
    def register(body: RegisterBody, caller: Write, response: Response) -> VersionAnswer:
        """Register a trained artifact as the next version."""
        version = registration.artifact(
            caller,
            name=body.name,
            artifact_id=body.artifact_id,
            given=body.given(),
        )
        set_etag(response, version.revision)
        return VersionAnswer.of(version)

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

    return router


def _told(answer: Answer, revision: int | None = None) -> Told:
    return Told(answer.model_dump_json().encode(), revision)
