"""Builds images again that servers need and find neither on this machine nor in their registry."""

from functools import partial
from typing import NoReturn

import structlog

from modelyard.errors import Unavailable
from modelyard.images.domain import Image
from modelyard.images.making import ImageMaking
from modelyard.oci.reference import Repository
from modelyard.packaging.background_builds import BackgroundBuilds
from modelyard.ports.clock import Clock
from modelyard.principals import Principal
from modelyard.registry.domain import Version

logger = structlog.get_logger()


class ImageRebuilding:
    """Restores images beside who asks for them."""

    def __init__(self, *, making: ImageMaking, clock: Clock) -> None:
        self._making = making
        self.builds: BackgroundBuilds[Image] = BackgroundBuilds(clock, name="image-rebuilding")

    def rebuild(self, principal: Principal, version: Version, repository: Repository) -> NoReturn:
        """Have the image built again, and pushed where there is a registry.

        Raises:
            Unavailable: code `image_rebuilding`: it is being built, or will be again.
        """
        key = f"{version.key} for {repository}"
        error = self.builds.attempt(key, partial(self._restore, principal, version, repository)).error
        state = "is being built again" if error is None else f"could not be built again: {error}"
        raise Unavailable(f"its image is not there, and {state}", code="image_rebuilding")

    def stop(self) -> None:
        """Begin no more builds."""
        self.builds.stop()

    def _restore(self, principal: Principal, version: Version, repository: Repository) -> Image:
        log = partial(logger.debug, version=version.subject)
        return self._making.restore(principal, version, repository, log=log)
