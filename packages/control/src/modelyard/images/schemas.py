"""Images on the wire."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from modelyard.http.bodies import RequestBody
from modelyard.images.domain import Image
from modelyard.images.requests import ImageCommand
from modelyard.jobs.domain import Job
from modelyard.naming import MAX_TARGET

TARGET: Any = Field(
    default=None,
    max_length=MAX_TARGET,
    description="whose repository is meant, where the operator has configured several; the default one else",
)
PUSH: Any = Field(
    default=None, description="whether it is pushed; if its repository has a registry, when it is not given"
)


class ImageRequest(RequestBody):
    """An image that shall be made."""

    target: str | None = TARGET
    push: bool | None = PUSH

    def command(self) -> ImageCommand:
        """As the noun has it."""
        return ImageCommand(target=self.target, push=self.push)


class AcceptedImage(BaseModel):
    """A job that makes an image was made."""

    model_config = ConfigDict(protected_namespaces=())

    job_id: str
    model_name: str
    model_version: int
    status: str
    image_name: str = Field(description="what it will be called", examples=["registry.example.com/models:my-model-v1"])
    message: str

    @classmethod
    def of(cls, job: Job, image_name: str) -> "AcceptedImage":
        """The job on the wire."""
        return cls(
            job_id=job.job_id,
            model_name=job.model_name,
            model_version=job.request["version"],
            status=job.status,
            image_name=image_name,
            message=f"the image of version {job.request['version']} of '{job.model_name}' was accepted; follow "
            f"GET /mlops/jobs/{job.job_id}",
        )


class LayerAnswer(BaseModel):
    """A layer, as it is stored and sent."""

    digest: str
    size: int = Field(description="in bytes")
    comment: str = Field(description="what is in it")


class ImageAnswer(BaseModel):
    """An image, or an attempt at one. What is not known before it was built is null."""

    model_config = ConfigDict(protected_namespaces=())

    image_id: str
    model_name: str
    model_version: int
    state: str = Field(description="`pending`, `building`, `built`, `pushed` or `failed`")
    reason: str | None = Field(description="why it failed")
    repository: str
    tag: str
    image_name: str = Field(description="repository and tag")
    reference: str = Field(description="the same with the digest, once it was built")
    digest: str | None = Field(description="of the manifest")
    size: int | None = Field(description="bytes of all that a registry keeps of it")
    platform: str | None
    base_digest: str | None
    layers: list[LayerAnswer]
    job_id: str | None
    created_by: str
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, image: Image) -> "ImageAnswer":
        """The image on the wire."""
        content = image.content
        return cls(
            image_id=image.image_id,
            model_name=image.model_name,
            model_version=image.version,
            state=image.state,
            reason=image.reason,
            repository=image.repository,
            tag=image.tag,
            image_name=image.name,
            reference=image.reference,
            digest=None if content is None else content.digest,
            size=None if content is None else content.size,
            platform=None if content is None else content.platform,
            base_digest=None if content is None else content.base_digest,
            layers=[]
            if content is None
            else [LayerAnswer(digest=one.digest, size=one.size, comment=one.comment) for one in content.layers],
            job_id=image.job_id,
            created_by=image.created_by,
            created_at=image.created_at,
            updated_at=image.updated_at,
        )


class ImagesAnswer(BaseModel):
    """A page of images, newest first."""

    images: list[ImageAnswer]
    next_cursor: str | None


class DeletedImageAnswer(BaseModel):
    """An image that was deleted."""

    reference: str
    is_left_in_registry: bool = Field(description="true where its registry allows no deletion, or did not answer")


class DeletedImagesAnswer(BaseModel):
    """What was deleted: the images of a digest, one for each repository."""

    deleted: list[DeletedImageAnswer]

    @classmethod
    def of(cls, deleted: Sequence[tuple[Image, bool]]) -> "DeletedImagesAnswer":
        """On the wire."""
        return cls(
            deleted=[
                DeletedImageAnswer(reference=image.reference, is_left_in_registry=is_left) for image, is_left in deleted
            ]
        )
