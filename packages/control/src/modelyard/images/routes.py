"""The routes of images. Their bytes leave through the archive; engines and registries have them otherwise."""

from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import Depends, Header, Path, Query
from fastapi.responses import StreamingResponse

from modelyard.http.guard import Requires
from modelyard.http.own_tenant import OF_OWN_TENANT
from modelyard.http.routing import APIRouter
from modelyard.images.building import ImageBuilding
from modelyard.images.removal import ImageRemoval
from modelyard.images.requests import ImageRequests
from modelyard.images.schemas import AcceptedImage, DeletedImagesAnswer, ImageAnswer, ImageRequest, ImagesAnswer
from modelyard.images.service import ImageService
from modelyard.images.states import ImageState
from modelyard.paging import MAX_CURSOR, MAX_LIMIT
from modelyard.principals import Permission, Principal
from modelyard.registry.service import RegistryService

Read = Annotated[Principal, Depends(Requires(Permission.MODELS_READ))]
Write = Annotated[Principal, Depends(Requires(Permission.MODELS_WRITE))]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]
Cursor = Annotated[str | None, Query(max_length=MAX_CURSOR)]
Key = Annotated[str, Path(max_length=100, description="the id of an image, or its digest")]
IdempotencyKey = Annotated[str | None, Header(min_length=1, max_length=200)]

_PREFIX = "/api/v1/ml/registry"
_ARCHIVE: dict[int | str, dict[str, Any]] = {200: {"content": {"application/x-tar": {}}, "description": "The archive"}}


def image_looks(images: ImageService, building: ImageBuilding, registry: RegistryService) -> APIRouter:
    """Lists of images, one, and its archive."""
    router = APIRouter(prefix=_PREFIX, tags=["images"])

    @router.get("/images", dependencies=OF_OWN_TENANT)
    def list_images(
        caller: Read,
        model_name: str | None = None,
        state: ImageState | None = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> ImagesAnswer:
        """Images, newest first."""
        page = images.page(caller, model_name=model_name, state=state, limit=limit, cursor=cursor)
        return ImagesAnswer(images=[ImageAnswer.of(one) for one in page.items], next_cursor=page.next_cursor)

    @router.get("/models/{name}/versions/{version}/images", dependencies=OF_OWN_TENANT)
    def images_of_version(
        caller: Read, name: str, version: int, limit: Limit = 50, cursor: Cursor = None
    ) -> ImagesAnswer:
        """Images of a version, newest first."""
        number = registry.version(caller, name, version).version
        page = images.page(caller, model_name=name, version=number, limit=limit, cursor=cursor)
        return ImagesAnswer(images=[ImageAnswer.of(one) for one in page.items], next_cursor=page.next_cursor)

    @router.get("/images/{image}")
    def one_image(caller: Read, image: Key) -> ImageAnswer:
        """One image."""
        return ImageAnswer.of(images.get(caller, image))

    @router.get("/images/{image}/archive", response_class=StreamingResponse, responses=_ARCHIVE)
    def archive(caller: Read, image: Key) -> StreamingResponse:
        """The image as a tar archive, which `docker load` takes and which is an OCI layout too."""
        found = images.get(caller, image)
        chunks: Iterator[bytes] = building.archive(found)
        return StreamingResponse(chunks, media_type="application/x-tar")

    return router


def image_changes(requests: ImageRequests, removal: ImageRemoval) -> APIRouter:
    """Making and deleting images."""
    router = APIRouter(prefix=_PREFIX, tags=["images"])

    @router.post("/models/{name}/versions/{version}/image", status_code=202)
    def make_image(
        caller: Write,
        name: str,
        version: int,
        body: ImageRequest | None = None,
        idempotency_key: IdempotencyKey = None,
    ) -> AcceptedImage:
        """Build the image of a version, and push it if its repository has a registry."""
        command = (body or ImageRequest()).command()
        return AcceptedImage.of(*requests.make(caller, name, version, command, idempotency_key=idempotency_key))

    @router.delete("/images/{image}")
    def delete_image(
        *,
        caller: Write,
        image: Key,
        reason: Annotated[str, Query(max_length=2000)] = "",
        leave_unreachable: Annotated[
            bool, Query(description="forget it also where its registry does not answer, and leave there what it has")
        ] = False,
    ) -> DeletedImagesAnswer:
        """Delete the images of a digest, or one by its id, in their registries too where those allow it."""
        deleted = removal.delete(caller, image, reason=reason, leaves_unreachable=leave_unreachable)
        return DeletedImagesAnswer.of(deleted)

    return router
