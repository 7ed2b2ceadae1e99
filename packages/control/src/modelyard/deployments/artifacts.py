"""What a target gets of a version: its bundle, or its image; and how that is made again where it is away."""

from dataclasses import dataclass
from typing import Protocol

from modelyard.deployments.domain import Deployment
from modelyard.deployments.records import system_principal
from modelyard.errors import Unavailable
from modelyard.images.domain import has_registry
from modelyard.images.rebuilding import ImageRebuilding
from modelyard.images.service import ImageService
from modelyard.oci.reference import Repository
from modelyard.packaging.rebuilding import Rebuilding
from modelyard.packaging.service import PackagingService
from modelyard.ports.target import Artifact, BundleArtifact
from modelyard.registry.service import RegistryService


@dataclass(frozen=True, slots=True)
class Packaged:
    """A version as a target gets it."""

    artifact: Artifact
    label: str
    """Stands for the model's name."""


class Artifacts(Protocol):
    """The artifacts of one kind."""

    def find(self, deployment: Deployment, number: int) -> Packaged | None:
        """That of a version for a deployment; None where none was made.

        Raises:
            Unavailable: the one that it is pinned to is away.
        """

    def rebuild(self, deployment: Deployment, number: int) -> None:
        """Have it made again, if it is not whole.

        Raises:
            Unavailable: it is being made, or will be again.
        """


class BundleArtifacts:
    """Bundles, for targets that share the disk of this machine."""

    def __init__(self, *, packaging: PackagingService, rebuilding: Rebuilding, registry: RegistryService) -> None:
        self._packaging = packaging
        self._rebuilding = rebuilding
        self._registry = registry

    def find(self, deployment: Deployment, number: int) -> Packaged | None:
        """By the digest of its manifest."""
        bundle = self._packaging.find(deployment.tenant_id, deployment.model_name, number)
        if bundle is None:
            return None
        artifact = BundleArtifact(
            name=f"{deployment.tenant_id}/{bundle.label}/{number}",
            digest=bundle.manifest_digest,
            environment=bundle.lock_digest,
        )
        return Packaged(artifact, bundle.label)

    def rebuild(self, deployment: Deployment, number: int) -> None:
        """Raises code `bundle_rebuilding`."""
        owner = system_principal(deployment.tenant_id)
        self._rebuilding.bundle(self._registry.version(owner, deployment.model_name, number))


class ImageArtifacts:
    """Images, for targets that run them. Where their repository has a registry, it has them too."""

    def __init__(self, *, images: ImageService, rebuilding: ImageRebuilding, registry: RegistryService) -> None:
        self._images = images
        self._rebuilding = rebuilding
        self._registry = registry

    def find(self, deployment: Deployment, number: int) -> Packaged | None:
        """The image that the deployment is pinned to, or the newest one, by the digest of its manifest.

        Raises:
            Unavailable: code `image_pinned_missing`.
        """
        repository = self._repository(deployment)
        pinned = deployment.image_digest if number == deployment.version else None
        image = self._images.usable(
            deployment.tenant_id,
            deployment.model_name,
            number,
            repository=repository,
            must_be_pushed=has_registry(repository),
            digest=pinned,
        )
        if image is None and pinned is not None:
            raise Unavailable(
                f"the image {pinned} that the deployment is pinned to is not there any more: pin another one, or none",
                code="image_pinned_missing",
            )
        return None if image is None else Packaged(image.artifact(), image.label)

    def rebuild(self, deployment: Deployment, number: int) -> None:
        """Raises code `image_rebuilding`."""
        owner = system_principal(deployment.tenant_id)
        version = self._registry.version(owner, deployment.model_name, number)
        self._rebuilding.rebuild(owner, version, self._repository(deployment))

    def _repository(self, deployment: Deployment) -> Repository:
        return self._images.repositories.of(deployment.tenant_id, deployment.target)
