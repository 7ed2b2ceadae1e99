"""The composition root: the only place that builds adapters and hands them to services."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from anyio import to_thread
from fastapi import FastAPI

from modelyard.access.claims import ClaimRules
from modelyard.access.failures import FailedLogins
from modelyard.access.members import Members
from modelyard.access.routes import member_routes, tenant_life_routes, tenant_routes, token_routes, whoami_routes
from modelyard.access.service import AccessService, Federation
from modelyard.access.tenant_life import TenantLife
from modelyard.access.tenants import Tenants
from modelyard.access.tokens import Tokens
from modelyard.adapters.clock.system import SystemClock
from modelyard.adapters.environments.uv import UvEnvironments
from modelyard.adapters.identity.oidc import OidcProvider
from modelyard.adapters.job_engine.dbos import DbosJobEngine
from modelyard.adapters.receiver.http import HttpReceivers
from modelyard.adapters.runner.local import LocalRunner
from modelyard.adapters.target.local import LocalTarget
from modelyard.adapters.tracking.mlflow import MlflowTracking
from modelyard.adapters.tracking.mlflow_registry import MlflowRegisteredModels
from modelyard.atomic_file import replace_text
from modelyard.audit.routes import audit_routes, production_routes
from modelyard.audit.service import AuditLog
from modelyard.bodies import bodies
from modelyard.comparison.routes import comparison_routes
from modelyard.comparison.service import ComparisonService
from modelyard.db import Database
from modelyard.deployments.reconciler import Reconciler
from modelyard.deployments.routes import deployment_routes
from modelyard.deployments.service import DeploymentService
from modelyard.deployments.verbs import DeploymentVerbs
from modelyard.deployments.workflows import Deploying
from modelyard.http.app import create_app
from modelyard.jobs.service import JobService
from modelyard.jobs.workflow import workflow
from modelyard.lineage.routes import lineage_routes
from modelyard.lineage.service import LineageService
from modelyard.local.supervisor import Supervisor
from modelyard.mirror.parts import mirror_parts
from modelyard.mirror.routes import mirror_routes
from modelyard.mlops.routes import job_routes, model_routes, status_routes, training_routes
from modelyard.mlops.status import PlatformStatus
from modelyard.outbox.service import Outbox
from modelyard.packaging.compiler import Compiler, NoCompiler, TrialCompiler
from modelyard.packaging.rebuilding import Rebuilding
from modelyard.packaging.routes import bundle_routes
from modelyard.packaging.service import PackagingService
from modelyard.ports.clock import Clock
from modelyard.ports.environments import Environments
from modelyard.ports.job_engine import JobEngine, Workflow
from modelyard.ports.receiver import Receivers
from modelyard.ports.registered_models import RegisteredModels
from modelyard.ports.runner import Limits, Runner
from modelyard.ports.target import Target
from modelyard.ports.tracking import Tracking
from modelyard.promotion.automation import AutoStaging
from modelyard.promotion.parts import promotion_parts
from modelyard.promotion.routes import policy_routes, request_routes, stage_routes
from modelyard.registry.artifact_routes import artifact_routes
from modelyard.registry.artifacts import Artifacts
from modelyard.registry.editing import Editing
from modelyard.registry.reading import CatalogueReading
from modelyard.registry.registration import Registration
from modelyard.registry.routes import catalogue_reads, catalogue_writes
from modelyard.registry.service import RegistryService
from modelyard.registry.stages import MIRROR_TOPIC, StageMover
from modelyard.removal import Removal
from modelyard.scratch import Scratch
from modelyard.settings import Settings
from modelyard.training.service import TrainingService
from modelyard.training.workflows import Training
from modelyard.uploads.routes import upload_routes
from modelyard.uploads.service import UploadLimits, UploadService
from modelyard.uploads.workflows import Registering
from modelyard.webhooks.courier import Courier
from modelyard.webhooks.deliveries import Deliveries
from modelyard.webhooks.queue import DeliveryQueue
from modelyard.webhooks.routes import delivery_routes, webhook_routes
from modelyard.webhooks.service import Webhooks
from modelyard.webhooks.signing import Signer, kept_key

_RECONCILE_SECONDS = 0.5
_WEBHOOK_GRACE_SECONDS = 20
"""How long after its timeout a post whose outcome nobody wrote down counts as lost."""


@dataclass(frozen=True, slots=True)
class Adapters:
    """The world outside, one adapter for each port."""

    clock: Clock
    engine: JobEngine
    environments: Environments
    receivers: Receivers
    runner: Runner
    target: Target
    tracking: Tracking
    registered: RegisteredModels


def real_adapters(settings: Settings) -> Adapters:
    """The adapters of a local stack."""
    places = settings.places
    clock = SystemClock()
    return Adapters(
        clock=clock,
        engine=DbosJobEngine(database_url=settings.jobs_database, concurrency=settings.concurrent_jobs),
        environments=UvEnvironments(
            home=places, clock=clock, lock_ttl_seconds=settings.lock_ttl_seconds, environment=os.environ
        ),
        receivers=HttpReceivers(
            allowed=settings.webhook_allowed_networks,
            seconds=settings.webhook_timeout_seconds,
            authorities=settings.webhook_ca_file,
        ),
        runner=LocalRunner(),
        target=LocalTarget(
            places, Supervisor(places), first_port=settings.server_port_first, last_port=settings.server_port_last
        ),
        tracking=MlflowTracking(uri=settings.tracking_uri, backend_uri=settings.tracking_backend),
        registered=MlflowRegisteredModels(uri=settings.tracking_uri),
    )


def federation(settings: Settings) -> Federation | None:
    """The identity provider of the settings, if they name one."""
    if settings.oidc_issuer is None or settings.oidc_audience is None:
        return None
    provider = OidcProvider(
        issuer=settings.oidc_issuer,
        audience=settings.oidc_audience,
        keys_url=settings.oidc_keys_url,
        leeway_seconds=settings.oidc_leeway_seconds,
    )
    rules = ClaimRules(
        subject_claim=settings.oidc_subject_claim,
        tenant_claim=settings.oidc_tenant_claim,
        tenants=settings.oidc_tenants,
        role_claim=settings.oidc_role_claim,
        roles=settings.oidc_roles,
    )
    return Federation(provider, rules)


def compiler(settings: Settings, adapters: Adapters) -> Compiler:
    """What tries translations of models, if the settings want any."""
    if not settings.compile_models:
        return NoCompiler()
    return TrialCompiler(
        environments=adapters.environments,
        runner=adapters.runner,
        clock=adapters.clock,
        limits=Limits(
            seconds=settings.compile_seconds,
            memory_bytes=settings.compile_memory_bytes,
            output_bytes=settings.run_output_bytes,
            disk_bytes=settings.run_disk_bytes,
        ),
    )


class ControlPlane:
    """All services of one process, and what works in the background."""

    def __init__(self, settings: Settings, adapters: Adapters) -> None:
        places = settings.places
        places.make()
        self._settings = settings
        self._adapters = adapters
        self.database = Database(settings.database)
        self.scratch = Scratch(places.scratch)
        clock = adapters.clock
        self.audit = AuditLog(database=self.database, clock=clock)
        self.tokens = Tokens(database=self.database, clock=clock, audit=self.audit)
        self.members = Members(database=self.database, clock=clock, audit=self.audit)
        self.tenants = Tenants(database=self.database, clock=clock, audit=self.audit, tokens=self.tokens)
        self.tenant_life = TenantLife(database=self.database, clock=clock, audit=self.audit, tokens=self.tokens)
        self.access = AccessService(
            database=self.database,
            clock=clock,
            tokens=self.tokens,
            is_open=not settings.auth,
            failures=FailedLogins(clock=clock, most=settings.failed_logins_per_minute),
            federation=federation(settings),
        )
        self.outbox = Outbox(database=self.database, clock=clock)
        self.registry = RegistryService(
            database=self.database,
            clock=clock,
            tracking=adapters.tracking,
            audit=self.audit,
            outbox=self.outbox,
            scratch=self.scratch.folder,
        )
        self.mirror = mirror_parts(
            database=self.database,
            clock=clock,
            registry=self.registry,
            registered=adapters.registered,
            audit=self.audit,
            tenants=self.tenants,
            short_seconds=settings.mirror_seconds,
            long_seconds=settings.mirror_all_seconds,
        )
        self.outbox.deliver_with(MIRROR_TOPIC, self.mirror.service.deliver)
        self.artifacts = Artifacts(registry=self.registry, tracking=adapters.tracking, scratch=self.scratch.folder)
        self.editing = Editing(database=self.database, clock=clock, audit=self.audit, outbox=self.outbox)
        mover = StageMover(clock=clock, audit=self.audit, outbox=self.outbox)
        promotion = promotion_parts(
            database=self.database,
            clock=clock,
            audit=self.audit,
            registry=self.registry,
            editing=self.editing,
            mover=mover,
            auto_staging=AutoStaging(mover=mover, audit=self.audit),
        )
        self.promotion, self.policies = promotion.service, promotion.policies
        self.comparisons = ComparisonService(registry=self.registry, policies=self.policies)
        self.jobs = JobService(
            database=self.database, clock=clock, engine=adapters.engine, audit=self.audit, folder=places.jobs
        )
        self.packaging = PackagingService(
            database=self.database,
            clock=clock,
            tracking=adapters.tracking,
            registry=self.registry,
            environments=adapters.environments,
            compiler=compiler(settings, adapters),
            folder=places.bundles,
            scratch=self.scratch.folder,
        )
        self.deployments = DeploymentService(
            database=self.database,
            clock=clock,
            audit=self.audit,
            registry=self.registry,
            target=adapters.target.name,
        )
        self.reconciler = Reconciler(
            deployments=self.deployments,
            registry=self.registry,
            rebuilding=Rebuilding(packaging=self.packaging, clock=clock),
            target=adapters.target,
            memory_bytes=settings.replica_memory_bytes,
            interval_seconds=_RECONCILE_SECONDS,
        )
        self.removal = Removal(
            database=self.database,
            clock=clock,
            audit=self.audit,
            tracking=adapters.tracking,
            jobs=self.jobs,
            registry=self.registry,
            editing=self.editing,
            mover=mover,
            promotion=self.promotion,
            deployments=self.deployments,
            mirror=self.mirror.service,
            packaging=self.packaging,
            grace=timedelta(days=settings.deletion_grace_days),
            purge_seconds=settings.purge_interval_seconds,
        )
        self.tenant_life.refuse_deletion_for(self.jobs.unfinished_within)
        self.tenant_life.refuse_deletion_for(self.deployments.wanted_within)
        self.uploads = UploadService(
            database=self.database,
            clock=clock,
            audit=self.audit,
            jobs=self.jobs,
            folder=places.uploads,
            limits=UploadLimits(
                max_bytes=settings.upload_mb * 1024 * 1024, idle=timedelta(seconds=settings.upload_idle_seconds)
            ),
        )
        self.training = TrainingService(jobs=self.jobs)
        self._build_webhooks()
        adapters.engine.register(self._workflows())

    def _build_webhooks(self) -> None:
        settings, clock, receivers = self._settings, self._adapters.clock, self._adapters.receivers
        given = settings.webhook_key
        signer = Signer(kept_key(settings.places.webhook_key_file) if given is None else given.get_secret_value())
        self.webhooks = Webhooks(
            database=self.database, clock=clock, audit=self.audit, signer=signer, receivers=receivers
        )
        self.audit.tell(self.webhooks.hear)
        self.deliveries = Deliveries(database=self.database, clock=clock, audit=self.audit, webhooks=self.webhooks)
        queue = DeliveryQueue(
            database=self.database,
            clock=clock,
            audit=self.audit,
            webhooks=self.webhooks,
            lease=timedelta(seconds=settings.webhook_timeout_seconds + _WEBHOOK_GRACE_SECONDS),
            kept=timedelta(days=settings.webhook_log_days),
        )
        self.courier = Courier(
            queue=queue,
            receivers=receivers,
            signer=signer,
            clock=clock,
            most_attempts=settings.webhook_attempts,
        )

    def app(self) -> FastAPI:
        """The management API, which starts the background work with itself."""
        platform = PlatformStatus(
            database=self.database,
            tracking=self._adapters.tracking,
            target=self._adapters.target,
            jobs=self.jobs,
            registry=self.registry,
            deployments=self.deployments,
            clock=self._adapters.clock,
        )
        lineage = LineageService(
            registry=self.registry,
            jobs=self.jobs,
            packaging=self.packaging,
            deployments=self.deployments,
            tracking=self._adapters.tracking,
        )
        registration = Registration(registry=self.registry)
        verbs = DeploymentVerbs(
            deployments=self.deployments, jobs=self.jobs, registry=self.registry, target=self._adapters.target
        )

        @asynccontextmanager
        async def lifespan(_: FastAPI) -> AsyncIterator[None]:
            await to_thread.run_sync(self.start)
            yield
            await to_thread.run_sync(self.stop)

        return create_app(
            access=self.access,
            database=self.database,
            keep_seconds=self._settings.registry_cache_ttl,
            routers=[
                # Routes are tried in this order: first the ones that are asked all day.
                catalogue_reads(self.registry, CatalogueReading(self.database)),
                catalogue_writes(registration, self.editing),
                training_routes(self.training, self.jobs),
                job_routes(self.jobs),
                model_routes(self.registry, registration),
                mirror_routes(self.mirror.reconciliation),
                artifact_routes(self.artifacts),
                lineage_routes(lineage),
                upload_routes(self.uploads),
                bundle_routes(self.packaging, self.registry),
                status_routes(platform),
                deployment_routes(verbs),
                comparison_routes(self.comparisons),
                stage_routes(self.promotion, self.registry),
                policy_routes(self.policies, self.registry),
                request_routes(self.promotion),
                whoami_routes(self.tenants),
                tenant_routes(self.tenants),
                tenant_life_routes(self.tenant_life),
                member_routes(self.members),
                token_routes(self.tokens),
                webhook_routes(self.webhooks),
                delivery_routes(self.deliveries),
                audit_routes(self.audit),
                production_routes(self.audit),
                *self.removal.routes(),
            ],
            is_ready=platform.is_ready,
            lifespan=lifespan,
        )

    def start(self) -> None:
        """Bring the schema up to date, make the first token, and begin the background work."""
        self.database.migrate()
        token_file = self._settings.places.token_file
        self.access.first_token(keep=lambda secret: replace_text(token_file, secret + "\n"))
        self.scratch.sweep()
        self.uploads.sweep_folder()
        self._adapters.engine.start()
        self.jobs.resume()
        self.uploads.sweep()
        self.reconciler.start()
        self.outbox.start()
        self.mirror.reconciler.start()
        self.removal.purger.start()
        self.courier.start()

    def stop(self) -> None:
        """End the background work; jobs go on in the next process."""
        self.courier.stop()
        self.removal.purger.stop()
        self.mirror.reconciler.stop()
        self.outbox.stop()
        self.reconciler.stop()
        self._adapters.engine.stop()
        self.database.close()

    def _workflows(self) -> dict[str, Workflow]:
        settings = self._settings
        training = Training(
            jobs=self.jobs,
            registry=self.registry,
            packaging=self.packaging,
            environments=self._adapters.environments,
            runner=self._adapters.runner,
            tracking=self._adapters.tracking,
            clock=self._adapters.clock,
            limits=Limits(
                seconds=settings.run_seconds,
                memory_bytes=settings.run_memory_bytes,
                output_bytes=settings.run_output_bytes,
                disk_bytes=settings.run_disk_bytes,
            ),
            tracking_requirement=settings.tracking_requirement,
        )
        deploying = Deploying(
            jobs=self.jobs,
            registry=self.registry,
            packaging=self.packaging,
            deployments=self.deployments,
            clock=self._adapters.clock,
            ready_seconds=settings.ready_seconds,
        )
        registering = Registering(
            jobs=self.jobs, registry=self.registry, tracking=self._adapters.tracking, uploads=self.uploads
        )
        return {
            kind: workflow(
                body,
                jobs=self.jobs,
                clock=self._adapters.clock,
                on_failure=on_failure,
            )
            for kind, (body, on_failure) in bodies(training, deploying, registering, self.removal.deleting).items()
        }
