"""The routes that make images of ModelVersions, and the ModelVersion too where there is none."""

from typing import Annotated

from fastapi import Depends, Header

from modelyard.http.guard import Requires
from modelyard.http.routing import APIRouter
from modelyard.images.requests import ImageRequests
from modelyard.images.schemas import AcceptedImage, ImageRequest
from modelyard.modelserving.schemas import ImageOfArtifactBody
from modelyard.principals import Permission, Principal
from modelyard.registry.registration import Registration

Write = Annotated[Principal, Depends(Requires(Permission.MODELS_WRITE))]
IdempotencyKey = Annotated[str | None, Header(min_length=1, max_length=200)]

_PREFIX = "/api/v1/modelserving/models/{name}"


def served_image_routes(registration: Registration, requests: ImageRequests) -> APIRouter:
    """Creating images."""
    router = APIRouter(prefix=_PREFIX, tags=["modelserving"])

    @router.post("/image", status_code=202)
    def image_of_artifact(
        caller: Write, name: str, body: ImageOfArtifactBody, idempotency_key: IdempotencyKey = None
    ) -> AcceptedImage:
        """Build the image of a trained artifact; it becomes the model's next version, if none was made of it."""
        requests.refuse_impossible(caller, body.command())
        version = registration.artifact_once(caller, name=name, artifact_id=body.artifact_id, given=body.given())
        made = requests.make(caller, name, version.version, body.command(), idempotency_key=idempotency_key)
        return AcceptedImage.of(*made)

    @router.post("/versions/{version}/image", status_code=202)
    def image_of_version(
        caller: Write,
        name: str,
        version: int,
        body: ImageRequest | None = None,
        idempotency_key: IdempotencyKey = None,
    ) -> AcceptedImage:
        """Build the image of a version, and push it if its repository has a registry."""
        command = (body or ImageRequest()).command()
        return AcceptedImage.of(*requests.make(caller, name, version, command, idempotency_key=idempotency_key))

    return router
