"""The routes that read models and versions."""

from typing import Annotated

from fastapi import Depends, Query, Response

from modelyard.http.guard import Requires
from modelyard.http.own_tenant import OF_OWN_TENANT
from modelyard.http.response_cache import cacheable
from modelyard.http.routing import APIRouter
from modelyard.paging import DEFAULT_LIMIT, MAX_CURSOR, MAX_LIMIT
from modelyard.principals import Permission, Principal
from modelyard.registry.reads.service import RegistryReads
from modelyard.registry.schemas import ModelAnswer, ModelsAnswer, VersionAnswer, VersionsAnswer
from modelyard.registry.search.filters import ModelFilter, ModelOrder, VersionFilter, VersionOrder
from modelyard.registry.search.queries import model_filter, version_filter, version_order

PREFIX = "/api/v1/ml/registry"
MAY_READ = Requires(Permission.MODELS_READ)
"""The one check of access, of the routes and of the fast path."""

Read = Annotated[Principal, Depends(MAY_READ)]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]
Cursor = Annotated[str | None, Query(max_length=MAX_CURSOR)]
Order = Annotated[VersionOrder, Depends(version_order)]
Models = Annotated[ModelFilter, Depends(model_filter)]
Versions = Annotated[VersionFilter, Depends(version_filter)]


def catalogue_reads(reads: RegistryReads) -> APIRouter:
    """Look at models and versions."""
    router = APIRouter(prefix=PREFIX, tags=["registry"])

    @router.get("/models/{name}/versions/{version}", response_model=VersionAnswer)
    @cacheable
    async def one_version(caller: Read, name: str, version: int) -> Response:
        """One version; its revision is the ETag."""
        return (await reads.version(caller, name, version)).response()

    @router.get("/models/{name}", response_model=ModelAnswer)
    @cacheable
    async def one_model(caller: Read, name: str) -> Response:
        """One model; its revision is the ETag."""
        return (await reads.model(caller, name)).response()

    @router.get("/models/{name}/versions", response_model=VersionsAnswer, dependencies=OF_OWN_TENANT)
    @cacheable
    async def list_versions(
        caller: Read, name: str, which: Versions, order: Order, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
    ) -> Response:
        """Versions of a model that meet every filter, newest first unless another order is asked for."""
        page = await reads.versions(caller, name, which, order=order, limit=limit, cursor=cursor)
        return page.response()

    @router.get("/models", response_model=ModelsAnswer, dependencies=OF_OWN_TENANT)
    @cacheable
    async def list_models(
        caller: Read,
        which: Models,
        order: ModelOrder = ModelOrder.NAME,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> Response:
        """Models of the caller's tenant that meet every filter."""
        page = await reads.models(caller, which, order=order, limit=limit, cursor=cursor)
        return page.response()

    return router
