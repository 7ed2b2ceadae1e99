"""Keeps the caches of images within their bounds, pass after pass."""

from collections.abc import Callable, Sequence

import structlog
from sqlalchemy import Connection

from modelyard.db import Database
from modelyard.errors import Conflict
from modelyard.images import store
from modelyard.images.cache import ImageCache
from modelyard.images.domain import Image

logger = structlog.get_logger()


class ImagePruning:
    """One pass looks at the layout and the wheels of this machine. An image of a version goes only if its registry has
    it and no deployment uses it; where it is asked for again, it is built again with the same digest.

    Args:
        users: the deployments that use an image, by their ids.
    """

    def __init__(
        self, *, database: Database, cache: ImageCache, users: Callable[[Connection, Image], Sequence[str]]
    ) -> None:
        self._database = database
        self._cache = cache
        self._users = users

    def make_pass(self) -> bool:
        """One pass in the background. Nothing more is due after it."""
        try:
            freed = self._cache.prune(pushed=self._unneeded())
        except Conflict as busy:
            logger.info("the caches of images are not pruned", reason=busy.message)
            return False
        if freed:
            logger.info("the caches of images were pruned", freed_bytes=freed)
        return False

    def _unneeded(self) -> set[str]:
        """The names of images that are in their registry, and that no deployment uses."""
        with self._database.read() as connection:
            here = store.pushed_by_name(connection, self._cache.names())
            return {image.name for image in here if not self._users(connection, image)}
