"""Puts the nouns of serving together: bundles, deployments, and what keeps them as they shall be."""

from collections.abc import Callable, Sequence
from functools import partial

from modelyard.deployments.artifacts import BundleArtifacts, ImageArtifacts
from modelyard.deployments.domain import Deployment
from modelyard.deployments.image_users import ImageUsers
from modelyard.deployments.pinning import Pinning
from modelyard.deployments.reconciler import Reconciler
from modelyard.deployments.records import Records
from modelyard.deployments.replica_watch import ReplicaWatch
from modelyard.deployments.routes import (
    deployment_changes,
    deployment_log_routes,
    deployment_looks,
    prediction_routes,
)
from modelyard.deployments.service import DeploymentService
from modelyard.deployments.specs import ServerSpecs
from modelyard.deployments.targets import Targets
from modelyard.deployments.undeploying import Undeploying
from modelyard.deployments.verbs import DeploymentVerbs
from modelyard.deployments.workflows import Deploying
from modelyard.gateway.bindings import bound_to_deployment
from modelyard.http.routing import APIRouter
from modelyard.images.rebuilding import ImageRebuilding
from modelyard.jobs.service import JobService
from modelyard.main.adapters import compiler, profiler
from modelyard.main.context import Context
from modelyard.main.images import ImageParts
from modelyard.packaging.examples import Examples
from modelyard.packaging.rebuilding import Rebuilding
from modelyard.packaging.routes import bundle_routes
from modelyard.packaging.service import PackagingService
from modelyard.ports.stable_addresses import StableAddresses
from modelyard.registry.artifacts import Artifacts
from modelyard.registry.service import RegistryService

RECONCILE_SECONDS = 0.5


class DeploymentParts:
    """Bundles and images of versions, and deployments of them."""

    def __init__(
        self,
        context: Context,
        jobs: JobService,
        registry: RegistryService,
        artifacts: Artifacts,
        *,
        has_arrived: Callable[[str], bool],
        may_remove: Callable[[str], bool],
    ) -> None:
        settings, adapters, clock = context.settings, context.adapters, context.clock
        self._jobs = jobs
        self._registry = registry
        self._database = context.database
        self._examples, self._predictions = Examples(artifacts), adapters.predictions
        self.packaging = PackagingService(
            database=context.database,
            clock=clock,
            tracking=adapters.tracking,
            registry=registry,
            environments=adapters.environments,
            compiler=compiler(settings, adapters),
            profiler=profiler(settings, adapters),
            folder=settings.storage.places.bundles,
            scratch=context.scratch.folder,
            leases=context.leases,
            require_space=partial(context.disk.require, what="the bundle"),
        )
        self.images = ImageParts(context, jobs, registry, self.packaging)
        self.targets = Targets(adapters.targets, settings.images.named_repositories)
        self.deployments = DeploymentService(
            database=context.database, clock=clock, audit=context.audit, registry=registry, targets=self.targets
        )
        self.replica_watch = ReplicaWatch(self.targets)
        self.rebuilding = Rebuilding(packaging=self.packaging, clock=clock)
        self.image_rebuilding = ImageRebuilding(making=self.images.making, clock=clock)
        users = ImageUsers(deployments=self.deployments, images=self.images.images, targets=self.targets).of
        self.image_removal, self.image_pruning = self.images.removal(users), self.images.pruning(users)
        specs = ServerSpecs(
            deployments=self.deployments,
            bundles=BundleArtifacts(packaging=self.packaging, rebuilding=self.rebuilding, registry=registry),
            images=ImageArtifacts(images=self.images.images, rebuilding=self.image_rebuilding, registry=registry),
        )
        self.reconcilers = [
            Reconciler(
                deployments=self.deployments,
                specs=specs,
                target_name=name,
                target=target,
                renew_lease=context.leases.renew,
                may_remove=may_remove,
            )
            for name, target in adapters.targets.items()
        ]
        self.steps = Deploying(
            jobs=jobs,
            registry=registry,
            packaging=self.packaging,
            deployments=self.deployments,
            imaging=self.images.steps,
            targets=self.targets,
            clock=clock,
            ready_seconds=settings.deployments.ready_seconds,
            has_arrived=has_arrived,
        )
        self.undeploying = Undeploying(jobs=jobs, deployments=self.deployments, clock=clock)
        self.verbs = DeploymentVerbs(
            deployments=self.deployments,
            jobs=jobs,
            registry=registry,
            targets=self.targets,
            watch=self.replica_watch,
            bound_apis=self._bound_apis,
            pinning=Pinning(
                database=context.database,
                clock=clock,
                records=Records(context.audit),
                images=self.images.images,
                targets=self.targets,
            ),
        )

    def _bound_apis(self, deployment: Deployment) -> Sequence[str]:
        with self._database.read() as connection:
            return bound_to_deployment(connection, deployment.tenant_id, deployment.deployment_id)

    def routes(self, addresses: StableAddresses) -> Sequence[APIRouter]:
        """The surfaces of bundles and deployments."""
        return [
            bundle_routes(self.packaging, self._registry, self._examples),
            *self.images.routes(self.image_removal),
            deployment_looks(self.verbs, addresses),
            deployment_changes(self.verbs, addresses),
            prediction_routes(self.verbs, self._predictions),
            deployment_log_routes(self.verbs),
        ]
