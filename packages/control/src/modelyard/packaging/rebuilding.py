"""Gives servers the bundles of their versions, and builds those again that are not on this machine any more.

Bundles are in no backup, and somebody may take one away. Building takes minutes, so it happens beside who asks;
meanwhile the last attempt's error is returned to every caller.
"""

from functools import partial

import structlog

from modelyard.errors import Unavailable
from modelyard.packaging.background_builds import BackgroundBuilds
from modelyard.packaging.domain import Bundle
from modelyard.packaging.service import PackagingService
from modelyard.ports.clock import Clock
from modelyard.registry.domain import Version

logger = structlog.get_logger()


class Rebuilding:
    """Whole bundles of versions that shall serve."""

    def __init__(self, *, packaging: PackagingService, clock: Clock) -> None:
        self._packaging = packaging
        self.builds: BackgroundBuilds[Bundle] = BackgroundBuilds(clock, name="rebuilding")

    def bundle(self, version: Version) -> Bundle:
        """The version's bundle, with its environment.

        Raises:
            Unavailable: code `bundle_rebuilding`, when it is not here; then it is being built, or will be again.
        """
        bundle = self._packaging.ready(version)
        if bundle is not None:
            self.builds.forget(version.key)
            return bundle
        error = self.builds.attempt(version.key, partial(self._build, version)).error
        state = "is being built again" if error is None else f"could not be built again: {error}"
        raise Unavailable(f"its bundle is not on this machine any more, and {state}", code="bundle_rebuilding")

    def stop(self) -> None:
        """Begin no more builds."""
        self.builds.stop()

    def _build(self, version: Version) -> Bundle:
        return self._packaging.build(version, log=lambda line: logger.debug(line, version=version.subject))
