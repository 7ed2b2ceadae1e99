"""Takes images away: out of the layout, out of their registries where those allow it, and out of our records."""

from collections.abc import Callable, Sequence

import structlog
from sqlalchemy import Connection

from modelyard.db import Database
from modelyard.errors import Conflict, Unavailable
from modelyard.images.building import ImageBuilding
from modelyard.images.domain import Image, has_registry
from modelyard.images.making import lease_name, reference_of
from modelyard.images.service import ImageService
from modelyard.leases.service import Leases
from modelyard.principals import Principal
from modelyard.registry.domain import Version

logger = structlog.get_logger()

Users = Callable[[Connection, Image], Sequence[str]]
"""The deployments that run an image, by their ids."""
_UNSUPPORTED = "registry_deletion_unsupported"


class ImageRemoval:
    """Deletes images by their digest, with their version, and what nothing leads to any more."""

    def __init__(
        self, *, database: Database, images: ImageService, building: ImageBuilding, leases: Leases, users: Users
    ) -> None:
        self._database = database
        self._images = images
        self._building = building
        self._leases = leases
        self._users = users

    def delete(
        self, principal: Principal, key: str, *, reason: str, leaves_unreachable: bool = False
    ) -> Sequence[tuple[Image, bool]]:
        """Delete the images of a digest, or the one of an id; each with whether its registry may keep it all the same.

        Args:
            principal: whose images they are.
            key: the digest, or the id.
            reason: for the audit log.
            leaves_unreachable: forget also an image whose registry does not answer; the audit log says so.

        Raises:
            NotFound: code `image_not_found`.
            Conflict: code `image_in_use`, or `image_busy` while a job makes an image of the version.
            Unavailable: code `registry_unavailable`; nothing of that image is forgotten.
        """
        found = self._images.named(principal, key)
        self._refuse_used(found)
        return [
            (image, self._remove_now(principal, image, reason=reason, leaves_unreachable=leaves_unreachable))
            for image in found
        ]

    def remove_version(
        self, principal: Principal, version: Version, *, reason: str, leaves_unreachable: bool = False
    ) -> Sequence[Image]:
        """Take away all images of a version; one that is just being made is waited for.

        Returns:
            those that their registry may keep.

        Raises:
            Unavailable: code `registry_unavailable`, unless such images are left.
        """
        left = []
        for image in self._images.of_version(version):
            with self._leases.exclusively(lease_name(image)):
                if self._remove(principal, image, reason=reason, leaves_unreachable=leaves_unreachable):
                    left.append(image)
        return left

    def sweep(self) -> None:
        """Delete what is in the layout of this machine and no record names. While the layout is in use, not now."""
        try:
            freed = self._building.keep_only(self._images.names_in_layout)
        except Conflict as busy:
            logger.info("the layout of images is not swept", reason=busy.message)
            return
        if freed:
            logger.info("the layout of images was swept", freed_bytes=freed)

    def make_pass(self) -> bool:
        """One pass in the background. Nothing more is due after it."""
        self.sweep()
        return False

    def _refuse_used(self, found: Sequence[Image]) -> None:
        with self._database.read() as connection:
            users = sorted({user for image in found for user in self._users(connection, image)})
        if users:
            named = ", ".join(f"'{user}'" for user in users)
            raise Conflict(f"the image is used by {named}: undeploy first", code="image_in_use")

    def _remove_now(self, principal: Principal, image: Image, *, reason: str, leaves_unreachable: bool) -> bool:
        """As `_remove`; who asks over HTTP does not wait for a build."""
        lease = self._leases.claim(lease_name(image))
        if lease is None:
            raise Conflict(
                f"an image of version {image.version} of '{image.model_name}' is being made or deleted: try it later",
                code="image_busy",
            )
        try:
            with self._leases.guarding(lease):
                return self._remove(principal, image, reason=reason, leaves_unreachable=leaves_unreachable)
        finally:
            self._leases.release(lease)

    def _remove(self, principal: Principal, image: Image, *, reason: str, leaves_unreachable: bool) -> bool:
        """Whether it may be left in its registry. What is gone already is no error, so it may be repeated."""
        is_left = False
        if image.content is not None:
            is_left = self._take_from_registry(image, leaves_unreachable=leaves_unreachable)
            self._building.remove(image.name, image.content.digest)
        self._images.remove(principal, image, reason=reason, is_left_in_registry=is_left)
        return is_left

    def _take_from_registry(self, image: Image, *, leaves_unreachable: bool) -> bool:
        reference = reference_of(image)
        if not image.is_push_begun or not has_registry(reference.repository):
            return False
        try:
            self._building.delete_from_registry(reference)
        except Unavailable as away:
            if not leaves_unreachable:
                raise
            logger.warning("an image is left in its registry", image=image.reference, reason=away.message)
            return True
        except Conflict as refused:
            if refused.code != _UNSUPPORTED:
                raise
            logger.warning("an image is left in its registry", image=image.reference, reason=refused.message)
            return self._building.is_in_registry(reference)
        return False
