"""The routes of bundles and examples: what a version was built to, and a request to try it with.

Building is a deployment's step and has no route.
"""

from typing import Annotated

from fastapi import Depends

from modelyard.http.guard import Requires
from modelyard.http.routing import APIRouter
from modelyard.packaging.examples import Examples
from modelyard.packaging.schemas import BundleAnswer, ExampleAnswer
from modelyard.packaging.service import PackagingService
from modelyard.principals import Permission, Principal
from modelyard.registry.service import RegistryService

Read = Annotated[Principal, Depends(Requires(Permission.MODELS_READ))]


def bundle_routes(packaging: PackagingService, registry: RegistryService, examples: Examples) -> APIRouter:
    """The bundle of a version, and its example."""
    router = APIRouter(prefix="/api/v1/ml/registry", tags=["registry"])

    @router.get("/models/{name}/versions/{version}/bundle")
    def bundle(caller: Read, name: str, version: int) -> BundleAnswer:
        """What the version was built to, with the report of its verified compilation."""
        return BundleAnswer.of(packaging.bundle(registry.version(caller, name, version)))

    @router.get("/models/{name}/versions/{version}/example")
    def example(caller: Read, name: str, version: int) -> ExampleAnswer:
        """A body for `/predict`: the version's input example."""
        request = examples.request(caller, name, version)
        return ExampleAnswer(name=name, version=version, request=None if request is None else dict(request))

    return router
