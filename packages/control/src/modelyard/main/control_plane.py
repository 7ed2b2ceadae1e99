"""One process of the control plane: its nouns, the surface over them, and what works in the background."""

import gc
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from anyio import to_thread
from fastapi import FastAPI

from modelyard.audit.feed import Feed
from modelyard.audit.routes import audit_routes, event_routes, production_routes
from modelyard.console.parts import console
from modelyard.disk import DiskWatch
from modelyard.gateway.publishing.arriving import Arriving
from modelyard.gateway.publishing.counting import Counting
from modelyard.gateway.publishing.leaving import Leaving
from modelyard.gateway.publishing.service import Publishing
from modelyard.gateway.publishing.stable_addresses import GatewayAddresses
from modelyard.gateway.releases import PromotionReleases
from modelyard.http.app import create_app
from modelyard.jobs.service import JobService
from modelyard.jobs.workflow import workflows
from modelyard.leases.background import BackgroundWork
from modelyard.leases.service import FORGET_SECONDS
from modelyard.lineage.routes import lineage_routes
from modelyard.lineage.service import LineageService
from modelyard.main.access import AccessParts
from modelyard.main.adapters import Adapters
from modelyard.main.apim import ApimParts
from modelyard.main.context import Context
from modelyard.main.deletion import DeletionParts
from modelyard.main.deployments import RECONCILE_SECONDS, DeploymentParts
from modelyard.main.drift import DRIFT_SECONDS, DriftParts
from modelyard.main.gateway import ApiParts, resolving
from modelyard.main.gateway_code import GatewayCodeParts
from modelyard.main.jobs import JobParts
from modelyard.main.publishing import PUBLISH_SECONDS, PublishingParts
from modelyard.main.registry import RegistryParts
from modelyard.main.retraining import RetrainingParts
from modelyard.main.rollouts import ROLLOUT_SECONDS, RolloutParts
from modelyard.main.schedules import SCHEDULE_SECONDS, ScheduleParts
from modelyard.main.subscriptions import SubscriptionParts
from modelyard.main.training import TrainingParts
from modelyard.main.webhooks import WebhookParts
from modelyard.mirror.import_job import Importing
from modelyard.mirror.parts import mirror_parts
from modelyard.mirror.routes import mirror_routes
from modelyard.mlops.routes import status_routes
from modelyard.mlops.status import PlatformStatus
from modelyard.modelserving.serving_routes import inference_routes
from modelyard.outbox.delivery import PAUSE_SECONDS, OutboxDelivery
from modelyard.ports.job_engine import Workflow
from modelyard.projects.routes import PREFIX as PROJECTS
from modelyard.registry.reads.fast_path import RegistryFastPath
from modelyard.registry.service import RegistryService
from modelyard.registry.stages import MIRROR_TOPIC
from modelyard.settings import Settings
from modelyard.subscriptions.published_keys import KEYS_SECONDS
from modelyard.training.one_click import OneClick

_SWEEP_SECONDS = 600.0
"""Interval between sweeps for abandoned uploads, projects and images."""


class ControlPlane:
    """All nouns of one process. Nothing works in the background before `start`."""

    def __init__(self, settings: Settings, adapters: Adapters) -> None:
        self._settings = settings
        self._adapters = adapters
        self._context = context = Context.of(settings, adapters)
        self.database, self.audit, self.leases = context.database, context.audit, context.leases
        self.feed = Feed(self.audit)
        self._disk_watch = DiskWatch(context.disk)
        self.stopping = threading.Event()
        """Set when the process begins to stop: requests that wait for something end then."""
        self._make_registry()
        self._make_serving()
        self._make_training()
        self._make_access()
        self._make_schedules()
        self._make_mirror_and_deletion()
        self._make_gateway()
        self.webhooks = WebhookParts(context)
        self.platform = _platform(context, self.jobs, self.registry, self.deployment_parts)
        self.background = self._background_work()
        adapters.engine.register(self._workflows())

    def _make_registry(self) -> None:
        """Jobs, uploads, models and versions, promotion."""
        context = self._context
        self._job_parts = JobParts(context)
        self.jobs, self.uploads = self._job_parts.jobs, self._job_parts.uploads
        self.registry_parts = parts = RegistryParts(
            context,
            job_of_upload=lambda caller, upload_id: self.uploads.get(caller, upload_id).job_id,
            after_move=PromotionReleases(clock=context.clock, audit=context.audit).after_move,
        )
        self.registry, self.promotion, self.policies = parts.registry, parts.promotion, parts.policies

    def _make_serving(self) -> None:
        """Bundles, images, deployments, traffic and roll-outs."""
        context = self._context
        self._publishing = Publishing(database=self.database, clock=context.clock)
        self.deployment_parts = DeploymentParts(
            context,
            self.jobs,
            self.registry,
            self.registry_parts.artifacts,
            has_arrived=Arriving(self._publishing).has_arrived,
            may_remove=Leaving(self._publishing).has_left,
        )
        self.packaging, self.deployments = self.deployment_parts.packaging, self.deployment_parts.deployments
        self.counting = Counting(database=self.database, clock=context.clock)
        self.drift_parts = DriftParts(context, self.deployment_parts)
        self.rollout_parts = RolloutParts(
            context, self.jobs, self.registry_parts, self.deployment_parts, self.drift_parts.drift, self.counting
        )

    def _make_training(self) -> None:
        """Scripts that are run, once and again."""
        context, registry_parts, deployment_parts = self._context, self.registry_parts, self.deployment_parts
        self.training = TrainingParts(context, self._job_parts, registry_parts, deployment_parts)
        self.retraining = RetrainingParts(context, self._job_parts, registry_parts, self.training, deployment_parts)

    def _make_access(self) -> None:
        """Who may call the platform, and who the gateway."""
        self.subscriptions = SubscriptionParts(self._context)
        self._access_parts = access = AccessParts(
            self._context,
            deletion_blockers=[self.jobs.unfinished_within, self.deployments.describe_running],
            caller_of_key=self.subscriptions.callers.of_key,
        )
        self.access, self.tokens = access.access, access.tokens
        self.members, self.tenants = access.members, access.tenants

    def _make_schedules(self) -> None:
        """What retrains by itself, in the name of members."""
        self.schedules = ScheduleParts(
            self._context,
            access=self.access,
            jobs=self.jobs,
            registry=self.registry,
            retraining=self.retraining.service,
        )

    def _make_mirror_and_deletion(self) -> None:
        """What MLflow shows of the registry, and what takes models away."""
        context = self._context
        self.mirror = mirror_parts(
            database=self.database,
            clock=context.clock,
            registry=self.registry,
            registered=self._adapters.registered,
            audit=self.audit,
            tenants=self.tenants,
            all_seconds=self._settings.mirror.all_seconds,
        )
        self.delivery = OutboxDelivery(
            database=self.database, clock=context.clock, handlers={MIRROR_TOPIC: self.mirror.service.deliver}
        )
        self.importing = Importing(jobs=self.jobs, reconciliation=self.mirror.reconciliation)
        self.deletion = DeletionParts(
            context, self.jobs, self.registry_parts, self.deployment_parts, self.mirror.service
        )

    def _make_gateway(self) -> None:
        """APIs, what publishes them to nodes, and their other forms: files, and Azure API Management."""
        context, traffic = self._context, self.rollout_parts.traffic
        self.gateway = PublishingParts(
            context,
            self.deployment_parts,
            traffic,
            resolve=resolving(self._adapters.service_hosts),
            publishing=self._publishing,
            access_tables=self.subscriptions.access_tables,
            stopping=self.stopping,
            counting=self.counting,
        )
        read_state = self.gateway.states.read
        self.apis = ApiParts(
            context,
            registry=self.registry,
            deployments=self.deployments,
            read_state=read_state,
            may_see=self.subscriptions.callers.may_see,
            refused_routes=self.gateway.refusals.routes_of,
        )
        self.apim = ApimParts(
            context,
            jobs=self.jobs,
            registry=self.registry,
            deployments=self.deployments,
            subscriptions=self.subscriptions,
            traffic=traffic,
        )
        self.gateway_code = GatewayCodeParts(
            context,
            apis=self.apis,
            subscriptions=self.subscriptions,
            rollouts=self.rollout_parts,
            azure=self.apim.gateway,
            read_state=read_state,
        )

    def _background_work(self) -> list[BackgroundWork]:
        context, settings = self._context, self._settings
        mirror, purger = self.mirror.reconciler, self.deletion.purger
        images, pruning = self.deployment_parts.image_removal, self.deployment_parts.image_pruning
        return [
            *(
                context.in_background(f"reconciler/{one.target_name}", one.make_pass, pause_seconds=RECONCILE_SECONDS)
                for one in self.deployment_parts.reconcilers
            ),
            context.in_background("rollouts", self.rollout_parts.reconciler.make_pass, pause_seconds=ROLLOUT_SECONDS),
            context.in_background("schedules", self.schedules.starter.make_pass, pause_seconds=SCHEDULE_SECONDS),
            context.in_background("drift", self.drift_parts.collector.make_pass, pause_seconds=DRIFT_SECONDS),
            context.in_background("leases", self.leases.forget, pause_seconds=FORGET_SECONDS),
            context.in_background("gateway", self.gateway.publisher.make_pass, pause_seconds=PUBLISH_SECONDS),
            context.in_background("outbox", self.delivery.make_pass, pause_seconds=PAUSE_SECONDS),
            context.in_background("mirror", mirror.make_pass, pause_seconds=settings.mirror.seconds),
            context.in_background("uploads", self.uploads.make_pass, pause_seconds=_SWEEP_SECONDS),
            context.in_background("projects", self.training.projects.make_pass, pause_seconds=_SWEEP_SECONDS),
            context.in_background("images", images.make_pass, pause_seconds=_SWEEP_SECONDS),
            context.in_background("image cache", pruning.make_pass, pause_seconds=_SWEEP_SECONDS),
            context.in_background("issuers", self.subscriptions.published_keys.make_pass, pause_seconds=KEYS_SECONDS),
            context.in_background("usage", self.subscriptions.usage.make_pass, pause_seconds=_SWEEP_SECONDS),
            context.in_background("purge", purger.make_pass, pause_seconds=settings.deletion.purge_interval_seconds),
        ]

    def _workflows(self) -> Mapping[str, Workflow]:
        """What each kind of job does."""
        one_click = OneClick(
            training=self.training.steps,
            build_and_deploy=self.deployment_parts.steps.build_and_deploy,
            undeploy=self.deployment_parts.steps.undeploy_after_failure,
        )
        return workflows(
            [
                self.training.steps.work,
                one_click.work,
                self.retraining.steps.work,
                self.deployment_parts.steps.work,
                self._job_parts.registering(self.registry).work,
                self.deletion.deleting.work,
                self.importing.work,
                self.deployment_parts.images.steps.work,
                self.deployment_parts.undeploying.work,
                self.apim.pushing.work,
            ],
            jobs=self.jobs,
            clock=self._context.clock,
            guarding=self._job_parts.membership.guarding,
            check_space=self._context.disk.refuse_full,
        )

    def app(self) -> FastAPI:
        """The management API, which starts the background work with itself."""

        @asynccontextmanager
        async def lifespan(_: FastAPI) -> AsyncIterator[None]:
            await to_thread.run_sync(self.start)
            # Objects made so far live as long as the process; scanning them took an eighth of a read.
            gc.freeze()
            yield
            gc.unfreeze()
            await to_thread.run_sync(self.stop)

        addresses = GatewayAddresses(self.gateway.publishing, url=self._settings.gateway.url)
        return create_app(
            access=self.access,
            database=self.database,
            sources=self._settings.http.trusted_sources,
            streamed={f"{PROJECTS}/": self._settings.projects.max_bytes},
            cache_seconds=self._settings.registry.cache_ttl_seconds,
            fast_path=RegistryFastPath(self.registry_parts.reads),
            routers=[
                *self.registry_parts.routes(),
                *self.training.routes(addresses),
                *self._job_parts.routes(addresses),
                *self.deployment_parts.routes(addresses),
                *self.drift_parts.routes(),
                *self.rollout_parts.routes(),
                lineage_routes(self._lineage()),
                status_routes(self.platform),
                mirror_routes(self.mirror.reconciliation, self.importing),
                *self._access_parts.routes(),
                *self.gateway.routes(),
                *self.apis.routes(),
                *self.webhooks.routes(),
                *self.subscriptions.routes(),
                *self.apim.routes(),
                *self.gateway_code.routes(),
                audit_routes(self.audit),
                event_routes(self.feed),
                production_routes(self.audit),
                *self.deletion.routes(addresses),
                inference_routes(self.retraining.service),
                *self.schedules.routes(),
            ],
            is_ready=self.platform.is_ready,
            disk_full_reason=self._context.disk.fullness,
            lifespan=lifespan,
            pages=console(
                sessions=self._access_parts.sessions,
                identity=self._access_parts.single_sign_on,
                base=self._settings.http.public_path,
            ),
        )

    def _lineage(self) -> LineageService:
        return LineageService(
            registry=self.registry,
            jobs=self.jobs,
            packaging=self.packaging,
            deployments=self.deployments,
            tracking=self._adapters.tracking,
        )

    def start(self) -> None:
        """Bring the schema up to date, make the first token, and begin the background work."""
        self._disk_watch.start()
        self.database.migrate()
        self._access_parts.make_first_token()
        self._context.scratch.sweep()
        self.uploads.sweep_folder()
        self.deployments.note_unconfigured_targets()
        self.leases.start()
        self._adapters.engine.start()
        self._job_parts.membership.start()
        self.jobs.resume()
        for work in self.background:
            work.start()
        self.webhooks.dispatcher.start()

    def stop(self) -> None:
        """Stop all background work and close the database; unfinished jobs resume in the next process."""
        self.webhooks.dispatcher.stop()
        for work in reversed(self.background):
            work.stop()
        for reconciler in self.deployment_parts.reconcilers:
            reconciler.stop()
        self.deployment_parts.rebuilding.stop()
        self.deployment_parts.image_rebuilding.stop()
        self.deployment_parts.replica_watch.stop()
        self._job_parts.membership.stop()
        self._adapters.engine.stop()
        self._disk_watch.stop()
        self.leases.stop()
        self.database.close()


def _platform(
    context: Context, jobs: JobService, registry: RegistryService, deployment_parts: DeploymentParts
) -> PlatformStatus:
    return PlatformStatus(
        database=context.database,
        tracking=context.adapters.tracking,
        targets=deployment_parts.targets,
        jobs=jobs,
        registry=registry,
        deployments=deployment_parts.deployments,
        clock=context.clock,
        isolation=context.settings.isolation.description,
    )
