"""Which deployments run an image."""

from collections.abc import Sequence

from sqlalchemy import Connection

from modelyard.deployments.records import system_principal
from modelyard.deployments.service import DeploymentService
from modelyard.deployments.targets import Targets
from modelyard.images.domain import Image, has_registry
from modelyard.images.service import ImageService
from modelyard.oci.reference import Repository
from modelyard.ports.target import RunsImages


class ImageUsers:
    """Answers it from what shall be: the image that a target gets of a version is the newest in its repository, or the
    one that the deployment is pinned to."""

    def __init__(self, *, deployments: DeploymentService, images: ImageService, targets: Targets) -> None:
        self._deployments = deployments
        self._images = images
        self._targets = targets

    def of(self, connection: Connection, image: Image) -> Sequence[str]:
        """Their ids. A deployment in a target that is not configured any more may use it, so it counts."""
        repository = Repository.parse(image.repository)
        newest = self._images.usable_within(
            connection,
            image.tenant_id,
            image.model_name,
            image.version,
            repository=repository,
            must_be_pushed=has_registry(repository),
        )
        is_newest = newest is not None and newest.image_id == image.image_id
        digest = None if image.content is None else image.content.digest
        owner = system_principal(image.tenant_id)
        found = self._deployments.of_version(connection, owner, image.model_name, image.version)
        return [
            one.deployment_id
            for one in found
            if (one.image_digest == digest if one.image_digest is not None else is_newest)
            and self._may_use(one.tenant_id, one.target, repository)
        ]

    def _may_use(self, tenant_id: str, name: str, repository: Repository) -> bool:
        target: object = self._targets.find(name)
        if target is not None and not isinstance(target, RunsImages):
            return False
        return self._images.repositories.of(tenant_id, name) == repository
