"""Puts the nouns of deleting together over those that own what goes."""

from collections.abc import Sequence

from sqlalchemy import Connection

from modelyard.deletion.bundles import Bundles
from modelyard.deletion.domain import Subject
from modelyard.deletion.images import Images
from modelyard.deletion.planning import Planner
from modelyard.deletion.purge import Purger
from modelyard.deletion.pushed_images import OciImages
from modelyard.deletion.restoring import Restoring
from modelyard.deletion.service import DeletionService
from modelyard.deletion.workflows import Deleting
from modelyard.deployments import store as deployment_store
from modelyard.gateway.bindings import bound_to_deployment, bound_to_model, bound_to_version
from modelyard.holds.routes import hold_routes
from modelyard.holds.service import HoldService
from modelyard.http.routing import APIRouter
from modelyard.jobs.service import JobService
from modelyard.main.context import Context
from modelyard.main.deployments import DeploymentParts
from modelyard.main.registry import RegistryParts
from modelyard.mirror.service import MirrorService
from modelyard.modelserving.image_routes import served_image_routes
from modelyard.modelserving.routes import deletion_routes, served_model_routes, served_version_routes
from modelyard.modelserving.serving import Serving
from modelyard.modelserving.serving_routes import serving_routes
from modelyard.modelserving.surface import Surface
from modelyard.ports.stable_addresses import StableAddresses
from modelyard.registry import store as registry_store
from modelyard.registry.states import Stage


class DeletionParts:
    """Holds, deletions, restoring and the purge, over the nouns that own what goes."""

    def __init__(
        self,
        context: Context,
        jobs: JobService,
        registry_parts: RegistryParts,
        serving: DeploymentParts,
        mirror: MirrorService,
    ) -> None:
        database, clock, audit = context.database, context.clock, context.audit
        tracking, registry, packaging = context.adapters.tracking, registry_parts.registry, serving.packaging
        self._clock = clock
        self._registry_parts = registry_parts
        self._deployments = serving.deployments
        self._images = serving.images.images
        self._image_requests = serving.images.requests
        self._jobs = jobs
        self.serving = Serving(
            verbs=serving.verbs,
            undeploying=serving.undeploying,
            registry=registry,
            targets=serving.targets,
            images=serving.images.images,
        )
        self.images: Sequence[Images] = [Bundles(packaging), OciImages(serving.images.images, serving.image_removal)]
        self.holds = HoldService(database=database, clock=clock, audit=audit, registry=registry)
        self.deletions = self._deletion_service(context, jobs, registry_parts, serving, mirror)
        self.restoring = Restoring(
            database=database,
            clock=clock,
            audit=audit,
            jobs=jobs,
            registry=registry,
            mover=registry_parts.mover,
            tracking=tracking,
        )
        self.purger = Purger(
            database=database,
            clock=clock,
            audit=audit,
            tracking=tracking,
            sweep=lambda: packaging.sweep(registry.is_deleted),
        )
        self.deleting = Deleting(
            jobs=jobs,
            deletions=self.deletions,
            deployments=serving.deployments,
            images=self.images,
            mirror=mirror,
            tracking=tracking,
            clock=clock,
            registry_wait=context.settings.deletion.registry_wait,
        )

    def _deletion_service(
        self,
        context: Context,
        jobs: JobService,
        registry_parts: RegistryParts,
        serving: DeploymentParts,
        mirror: MirrorService,
    ) -> DeletionService:
        grace = context.settings.deletion.grace
        return DeletionService(
            database=context.database,
            clock=context.clock,
            audit=context.audit,
            jobs=jobs,
            planner=Planner(
                database=context.database,
                clock=context.clock,
                tracking=context.adapters.tracking,
                deployments=serving.deployments,
                promotion=registry_parts.promotion,
                holds=self.holds,
                images=self.images,
                grace=grace,
                bound_apis=_bound_apis,
            ),
            deployments=serving.deployments,
            mirror=mirror,
            grace=grace,
        )

    def routes(self, addresses: StableAddresses) -> Sequence[APIRouter]:
        """The surface `/api/v1/modelserving`, and holds."""
        registry, registration, editing = (
            self._registry_parts.registry,
            self._registry_parts.registration,
            self._registry_parts.editing,
        )
        surface = Surface(deployments=self._deployments, images=self._images, addresses=addresses)
        return [
            served_model_routes(registry, registration, editing),
            served_version_routes(registry, registration, editing, surface),
            served_image_routes(registration, self._image_requests),
            serving_routes(self.serving, self._jobs, addresses),
            deletion_routes(self.deletions, self.restoring, registry, surface),
            hold_routes(self.holds, registry, self._clock),
        ]


def _bound_apis(connection: Connection, subject: Subject) -> Sequence[str]:
    """Those that name the model, the version, its stage, or one of its deployments."""
    tenant_id, name, number = subject.tenant_id, subject.model_name, subject.version
    if number is None:
        found = set(bound_to_model(connection, tenant_id, name))
    else:
        version = registry_store.find_version(connection, tenant_id, name, number)
        stage = Stage.NONE if version is None else version.stage
        found = set(bound_to_version(connection, tenant_id, name, number, stage=stage))
    for deployment in deployment_store.of_version(connection, tenant_id, name, number):
        found.update(bound_to_deployment(connection, tenant_id, deployment.deployment_id))
    return sorted(found)
