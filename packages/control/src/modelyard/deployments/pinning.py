"""Pins a deployment to one image of its version, such as the one before a base was mended, and lets it go again."""

from sqlalchemy import Connection

from modelyard.db import Database
from modelyard.deployments import store
from modelyard.deployments.domain import Deployment
from modelyard.deployments.locking import lock_changeable, lock_visible
from modelyard.deployments.records import Records
from modelyard.deployments.targets import Targets
from modelyard.errors import Invalid, NotFound
from modelyard.images.domain import has_registry
from modelyard.images.service import ImageService
from modelyard.ports.clock import Clock
from modelyard.ports.target import RunsImages
from modelyard.principals import Principal


class Pinning:
    """A pin holds for the version that serves. A replacement of the version ends it."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        records: Records,
        images: ImageService,
        targets: Targets,
    ) -> None:
        self._database = database
        self._clock = clock
        self._records = records
        self._images = images
        self._targets = targets

    def pin(self, principal: Principal, deployment_id: str, digest: str | None) -> Deployment:
        """Bring the servers of a deployment to the image of this digest, and keep them there; None: to the newest.

        Raises:
            NotFound: code `deployment_not_found`, or `image_not_found`: no such image of its version is where its
                target takes images from.
            Invalid: code `image_unsupported`: its target runs no images.
            Conflict: code `deployment_leaving` or `target_not_configured`.
        """
        with self._database.write() as connection:
            before = lock_changeable(connection, principal, deployment_id, targets=self._targets)
            if before.image_digest == digest:
                return before
            if digest is not None:
                self._refuse_unknown(connection, before, digest)
            store.change(connection, deployment_id, image_digest=digest, updated_at=self._clock.now())
            self._records.write(
                connection,
                principal,
                "deployment.pinned",
                before,
                before={"image": before.image_digest},
                after={"image": digest},
            )
            return lock_visible(connection, principal, deployment_id)

    def _refuse_unknown(self, connection: Connection, deployment: Deployment, digest: str) -> None:
        target: object = self._targets.find(deployment.target)
        if not isinstance(target, RunsImages):
            raise Invalid(
                f"image: the target '{deployment.target}' runs no images", code="image_unsupported", field="image"
            )
        repository = self._images.repositories.of(deployment.tenant_id, deployment.target)
        found = self._images.usable_within(
            connection,
            deployment.tenant_id,
            deployment.model_name,
            deployment.version,
            repository=repository,
            must_be_pushed=has_registry(repository),
            digest=digest,
        )
        if found is None:
            raise NotFound(
                f"image: expected the digest of an image of version {deployment.version} of '{deployment.model_name}' "
                f"in {repository}, got {digest[:100]!r}",
                code="image_not_found",
            )
