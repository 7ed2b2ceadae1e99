"""An image of a version, and the repositories that images are named in. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from modelyard.errors import Invalid
from modelyard.images.states import ImageState
from modelyard.oci.reference import Repository
from modelyard.ports.target import ImageArtifact
from modelyard.principals import FIRST_TENANT

_WITHOUT_REGISTRY = "localhost"
"""The host, without a port, of repositories that have no registry."""


@dataclass(frozen=True, slots=True)
class ImageLayer:
    """A layer of an image; `size` is in bytes, as it is stored and sent."""

    digest: str
    size: int
    comment: str
    """What is in it."""


@dataclass(frozen=True, slots=True)
class ImageContent:
    """What an image is made of, once it was built."""

    digest: str
    """Of its manifest."""
    config_digest: str
    size: int
    """Bytes of all that a registry keeps of it."""
    layers: Sequence[ImageLayer]
    """The base's too."""
    platform: str
    base_digest: str
    bundle_digest: str
    lock_digest: str


@dataclass(frozen=True, slots=True)
class Image:
    """What a job makes of a version in a repository: an attempt at first, then an image that never changes."""

    image_id: str
    tenant_id: str
    model_name: str
    version: int
    repository: str
    tag: str
    state: ImageState
    reason: str | None
    """Why it failed."""
    content: ImageContent | None
    job_id: str | None
    """None of one that was built again because a server found it nowhere."""
    created_by: str
    created_at: datetime
    updated_at: datetime
    is_push_begun: bool = False
    """Whether its registry may have something of it."""

    @property
    def name(self) -> str:
        """`registry.example.com/models:my-model-v1`: the newest image of the version there."""
        return f"{self.repository}:{self.tag}"

    @property
    def label(self) -> str:
        """Stands for the model's name: the tag without the version."""
        return self.tag.removesuffix(f"-v{self.version}")

    @property
    def reference(self) -> str:
        """The same, pinned by the digest once there is one."""
        return self.name if self.content is None else f"{self.name}@{self.content.digest}"

    @property
    def subject(self) -> str:
        """The version, as the audit log names it."""
        return f"models/{self.model_name}/versions/{self.version}"

    @property
    def is_whole(self) -> bool:
        """Whether nothing is to be done for it any more."""
        if self.state is ImageState.BUILT:
            return not has_registry(Repository.parse(self.repository))
        return self.state is ImageState.PUSHED

    def artifact(self) -> ImageArtifact:
        """As targets take it."""
        if self.content is None:
            raise AssertionError("only an image that was built is asked for as an artifact")
        return ImageArtifact(
            reference=f"{self.repository}@{self.content.digest}", image_id=self.content.config_digest, name=self.name
        )


@dataclass(frozen=True, slots=True)
class Repositories:
    """Where the images of each tenant and target are named.

    The operators' tenant has the repository as it is configured, every other one a repository of its own below it: so
    models of two tenants with the same name never meet, and a registry's rules can tell the tenants apart.
    """

    default: Repository
    of_targets: Mapping[str, Repository] = field(default_factory=dict)

    def of(self, tenant_id: str, target: str | None = None) -> Repository:
        """The repository of a tenant's images, for this target if one is named."""
        configured = self.default if target is None else self.of_targets.get(target, self.default)
        if tenant_id == FIRST_TENANT:
            return configured
        return Repository(configured.host, f"{configured.name}/{tenant_id}")


LOCAL_IMAGES = Repositories(Repository(_WITHOUT_REGISTRY, "modelyard"))
"""Images that stay on this machine."""


def has_registry(repository: Repository) -> bool:
    """Whether there is somewhere to push to: `localhost` without a port only names images of this machine."""
    return repository.host != _WITHOUT_REGISTRY


def refuse_without_registry(repository: Repository, *, why: str, field: str) -> None:
    """Raises:
    Invalid: code `image_repository_local`.
    """
    if not has_registry(repository):
        raise Invalid(
            f"{field}: {why}, and the repository '{repository}' has none: set MODELYARD_IMAGE_REPOSITORY (or, for one "
            "target, MODELYARD_IMAGE_REPOSITORIES) to a repository of a registry, like registry.example.com/models",
            code="image_repository_local",
            field=field,
        )
