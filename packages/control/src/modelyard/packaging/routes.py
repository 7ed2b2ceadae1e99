"""The route of bundles: what a version was built to. Building is a deployment's step and has no route."""

from typing import Annotated

from fastapi import APIRouter, Depends

from modelyard.http.guard import Requires
from modelyard.packaging.schemas import BundleAnswer
from modelyard.packaging.service import PackagingService
from modelyard.principals import Permission, Principal
from modelyard.registry.service import RegistryService

Read = Annotated[Principal, Depends(Requires(Permission.MODELS_READ))]


def bundle_routes(packaging: PackagingService, registry: RegistryService) -> APIRouter:
    """The bundle of a version."""
    router = APIRouter(prefix="/api/v1/ml/registry", tags=["registry"])

    @router.get("/models/{name}/versions/{version}/bundle")
    def bundle(caller: Read, name: str, version: int) -> BundleAnswer:
        """What the version was built to, with the report of its verified compilation."""
        return BundleAnswer.of(packaging.bundle(registry.version(caller, name, version)))

    return router
