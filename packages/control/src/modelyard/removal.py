"""Puts the nouns of deleting together over those that own what goes, for the composition root."""

from collections.abc import Sequence
from datetime import timedelta

from fastapi import APIRouter

from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.deletion.planning import Planner
from modelyard.deletion.purge import Purger
from modelyard.deletion.restoring import Restoring
from modelyard.deletion.service import DeletionService
from modelyard.deletion.workflows import Deleting
from modelyard.deployments.service import DeploymentService
from modelyard.holds.routes import hold_routes
from modelyard.holds.service import HoldService
from modelyard.jobs.service import JobService
from modelyard.mirror.service import MirrorService
from modelyard.modelserving.routes import deletion_routes, served_model_routes, served_version_routes
from modelyard.modelserving.surface import Surface
from modelyard.packaging.images import Bundles
from modelyard.packaging.service import PackagingService
from modelyard.ports.clock import Clock
from modelyard.ports.tracking import Tracking
from modelyard.promotion.service import PromotionService
from modelyard.registry.editing import Editing
from modelyard.registry.registration import Registration
from modelyard.registry.service import RegistryService
from modelyard.registry.stages import StageMover


class Removal:
    """Holds, deletions, restoring and the purge, over the nouns that own what goes."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        audit: AuditLog,
        tracking: Tracking,
        jobs: JobService,
        registry: RegistryService,
        editing: Editing,
        mover: StageMover,
        promotion: PromotionService,
        deployments: DeploymentService,
        mirror: MirrorService,
        packaging: PackagingService,
        grace: timedelta,
        purge_seconds: float,
    ) -> None:
        self._clock = clock
        self._registry = registry
        self._editing = editing
        self._deployments = deployments
        self.images = [Bundles(packaging)]
        self.holds = HoldService(database=database, clock=clock, audit=audit, registry=registry)
        planner = Planner(
            database=database,
            clock=clock,
            tracking=tracking,
            deployments=deployments,
            promotion=promotion,
            holds=self.holds,
            images=self.images,
            grace=grace,
        )
        self.deletions = DeletionService(
            database=database,
            clock=clock,
            audit=audit,
            jobs=jobs,
            planner=planner,
            deployments=deployments,
            mirror=mirror,
            grace=grace,
        )
        self.restoring = Restoring(
            database=database,
            clock=clock,
            audit=audit,
            jobs=jobs,
            registry=registry,
            mover=mover,
            tracking=tracking,
        )
        self.purger = Purger(
            database=database,
            clock=clock,
            audit=audit,
            tracking=tracking,
            sweep=lambda: packaging.sweep(registry.is_deleted),
            interval_seconds=purge_seconds,
        )
        self.deleting = Deleting(
            jobs=jobs,
            deletions=self.deletions,
            deployments=deployments,
            images=self.images,
            mirror=mirror,
            tracking=tracking,
            clock=clock,
        )

    def routes(self) -> Sequence[APIRouter]:
        """The surface `/api/v1/modelserving`, and holds."""
        registration = Registration(registry=self._registry)
        surface = Surface(deployments=self._deployments)
        return [
            served_model_routes(self._registry, registration, self._editing),
            served_version_routes(self._registry, registration, self._editing, surface),
            deletion_routes(self.deletions, self.restoring, self._registry, surface),
            hold_routes(self.holds, self._registry, self._clock),
        ]
