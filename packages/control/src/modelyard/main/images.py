"""Puts the noun of images together over the layout of this home."""

from collections.abc import Sequence
from functools import partial

from modelyard.http.routing import APIRouter
from modelyard.images.building import ImageBuilding
from modelyard.images.cache import ImageCache
from modelyard.images.making import ImageMaking
from modelyard.images.pruning import ImagePruning
from modelyard.images.removal import ImageRemoval, Users
from modelyard.images.requests import ImageRequests
from modelyard.images.routes import image_changes, image_looks
from modelyard.images.service import ImageService
from modelyard.images.workflows import Imaging
from modelyard.jobs.service import JobService
from modelyard.main.context import Context
from modelyard.main.image_sources import bases_of, registries_of
from modelyard.oci.layout import Layout
from modelyard.packaging.service import PackagingService
from modelyard.registry.service import RegistryService


class ImageParts:
    """Images of versions, and the jobs that make them."""

    def __init__(
        self, context: Context, jobs: JobService, registry: RegistryService, packaging: PackagingService
    ) -> None:
        settings = context.settings.images
        self._context = context
        self._registry = registry
        registries = registries_of(settings)
        require_space = partial(context.disk.require, what="the image")
        layout = Layout(context.settings.storage.places.images)
        bases = bases_of(settings, layout, registries, require_space=require_space)
        self._cache = ImageCache(
            layout,
            wheelhouse=context.settings.storage.places.wheelhouse,
            bounds=settings.cache_bounds,
            clock=context.clock,
            pinned=bases.pinned,
        )
        self.images = ImageService(
            database=context.database,
            clock=context.clock,
            audit=context.audit,
            registry=registry,
            repositories=settings.named_repositories,
        )
        self.building = ImageBuilding(
            layout, bases=bases, wheels=context.adapters.wheels, registries=registries, require_space=require_space
        )
        self.making = ImageMaking(
            images=self.images, building=self.building, packaging=packaging, registry=registry, leases=context.leases
        )
        self.steps = Imaging(jobs=jobs, registry=registry, making=self.making)
        self.requests = ImageRequests(
            images=self.images,
            jobs=jobs,
            registry=registry,
            bases=bases,
            targets=frozenset(context.settings.deployments.targets),
        )

    def pruning(self, users: Users) -> ImagePruning:
        """What keeps the caches of this machine within their bounds."""
        return ImagePruning(database=self._context.database, cache=self._cache, users=users)

    def removal(self, users: Users) -> ImageRemoval:
        """What deletes images that none of these uses."""
        return ImageRemoval(
            database=self._context.database,
            images=self.images,
            building=self.building,
            leases=self._context.leases,
            users=users,
        )

    def routes(self, removal: ImageRemoval) -> Sequence[APIRouter]:
        """The surface of images."""
        return [
            image_looks(self.images, self.building, self._registry),
            image_changes(self.requests, removal),
        ]
