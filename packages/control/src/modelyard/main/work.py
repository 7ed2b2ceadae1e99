"""Puts the nouns of work together: jobs and what each kind does, uploads, bundles, deployments."""

from collections.abc import Mapping, Sequence
from functools import partial

from fastapi import APIRouter

from modelyard.deletion.workflows import Deleting
from modelyard.deployments.reconciler import Reconciler
from modelyard.deployments.replica_watch import ReplicaWatch
from modelyard.deployments.routes import deployment_changes, deployment_log_routes, deployment_looks
from modelyard.deployments.service import DeploymentService
from modelyard.deployments.verbs import DeploymentVerbs
from modelyard.deployments.workflows import Deploying
from modelyard.home import Home
from modelyard.job_secrets.sealing import Seal
from modelyard.job_secrets.service import JobSecrets
from modelyard.job_secrets.settings import SecretsSettings
from modelyard.jobs.domain import JobKind
from modelyard.jobs.service import JobService
from modelyard.jobs.workflow import workflow
from modelyard.key_file import kept_key
from modelyard.leases.membership import Membership
from modelyard.lineage.routes import lineage_routes
from modelyard.lineage.service import LineageService
from modelyard.main.adapters import compiler, opening
from modelyard.main.bodies import bodies
from modelyard.main.catalogue import Catalogue
from modelyard.main.ground import Ground
from modelyard.mirror.import_job import Importing
from modelyard.mlops.routes import job_routes, one_click_routes, registration_routes, status_routes, training_routes
from modelyard.mlops.status import PlatformStatus
from modelyard.packaging.rebuilding import Rebuilding
from modelyard.packaging.routes import bundle_routes
from modelyard.packaging.service import PackagingService
from modelyard.ports.job_engine import Workflow
from modelyard.ports.runner import Limits
from modelyard.projects.routes import project_routes
from modelyard.projects.service import ProjectService
from modelyard.training.afterwards import RegisteringAfterwards
from modelyard.training.logged import LoggedByJobs
from modelyard.training.opening import OpeningModels
from modelyard.training.service import TrainingService
from modelyard.training.workflows import Training
from modelyard.uploads.routes import upload_reads, upload_writes
from modelyard.uploads.service import UploadLimits, UploadService
from modelyard.uploads.workflows import Registering

RECONCILE_SECONDS = 0.5
_FREE_SPACE = frozenset({JobKind.DELETION})
"""Jobs that take nothing, and give back."""


class Work:
    """What takes time, and what runs."""

    def __init__(self, ground: Ground, catalogue: Catalogue) -> None:
        database, clock, audit = ground.database, ground.clock, ground.audit
        settings, adapters = ground.settings, ground.adapters
        self._ground = ground
        registry = self._registry = catalogue.registry
        self._registration, self._metric_rules = catalogue.registration, catalogue.policies.metric_rules
        self.jobs = JobService(
            database=database, clock=clock, engine=adapters.engine, audit=audit, folder=settings.storage.places.jobs
        )
        registry.ask_whose(self.jobs)
        self.secrets = JobSecrets(database=database, seal=_seal(settings.secrets, settings.storage.places))
        self.jobs.at_end(self.secrets.forget)
        self.projects = ProjectService(
            folder=settings.storage.places.projects,
            scratch=ground.scratch.folder,
            clock=clock,
            max_bytes=settings.projects.max_bytes,
            kept=settings.projects.kept,
            disk=ground.disk,
        )
        self.training = TrainingService(
            jobs=self.jobs,
            secrets=self.secrets,
            projects=self.projects,
            metric_rules=self._metric_rules,
            most_seconds=settings.runs.seconds,
        )
        self.logged = LoggedByJobs(adapters.tracking, registry.job_runs)
        self.afterwards = RegisteringAfterwards(self.jobs, registry, self.logged, self._metric_rules)
        engine = adapters.engine
        self.membership = Membership(leases=ground.leases, working=engine.working, take_over=engine.take_over)
        self.uploads = UploadService(
            database=database,
            clock=clock,
            audit=audit,
            jobs=self.jobs,
            folder=settings.storage.places.uploads,
            limits=UploadLimits(max_bytes=settings.uploads.max_bytes, idle=settings.uploads.idle),
            disk=ground.disk,
        )
        self.packaging = PackagingService(
            database=database,
            clock=clock,
            tracking=adapters.tracking,
            registry=registry,
            environments=adapters.environments,
            compiler=compiler(settings, adapters),
            folder=settings.storage.places.bundles,
            scratch=ground.scratch.folder,
            leases=ground.leases,
            require_space=partial(ground.disk.require, what="the bundle"),
        )
        self.deployments = DeploymentService(
            database=database, clock=clock, audit=audit, registry=registry, target=adapters.target.name
        )
        self.replica_watch = ReplicaWatch(adapters.target)
        self.reconciler = Reconciler(
            deployments=self.deployments,
            registry=registry,
            rebuilding=Rebuilding(packaging=self.packaging, clock=clock),
            target=adapters.target,
            memory_bytes=settings.deployments.replica_memory_bytes,
        )
        self.platform = PlatformStatus(
            database=database,
            tracking=adapters.tracking,
            target=adapters.target,
            jobs=self.jobs,
            registry=registry,
            deployments=self.deployments,
            clock=clock,
            isolation=settings.isolation.description,
        )

    def routes(self) -> Sequence[APIRouter]:
        """The surfaces of jobs, uploads, bundles and deployments, and the platform's state."""
        lineage = LineageService(
            registry=self._registry,
            jobs=self.jobs,
            packaging=self.packaging,
            deployments=self.deployments,
            tracking=self._ground.adapters.tracking,
        )
        verbs = DeploymentVerbs(
            deployments=self.deployments,
            jobs=self.jobs,
            registry=self._registry,
            target=self._ground.adapters.target,
            watch=self.replica_watch,
        )
        return [
            training_routes(self.training, self.jobs),
            one_click_routes(self.training, self.jobs),
            project_routes(self.projects),
            job_routes(self.jobs),
            registration_routes(self._registration, self.afterwards),
            upload_reads(self.uploads),
            upload_writes(self.uploads),
            bundle_routes(self.packaging, self._registry),
            lineage_routes(lineage),
            status_routes(self.platform),
            deployment_looks(verbs),
            deployment_changes(verbs),
            deployment_log_routes(verbs),
        ]

    def workflows(self, deleting: Deleting, importing: Importing) -> Mapping[str, Workflow]:
        """What each kind of job does."""
        kinds = bodies(self._training(), self._deploying(), self._registering(), deleting, importing)
        return {
            kind: workflow(
                body,
                jobs=self.jobs,
                clock=self._ground.clock,
                guarding=self.membership.guarding,
                on_failure=on_failure,
                check_space=_nothing if kind in _FREE_SPACE else self._ground.disk.refuse_full,
            )
            for kind, (body, on_failure) in kinds.items()
        }

    def _training(self) -> Training:
        settings, adapters = self._ground.settings, self._ground.adapters
        return Training(
            jobs=self.jobs,
            registry=self._registry,
            packaging=self.packaging,
            environments=adapters.environments,
            runner=adapters.runner,
            tracking=adapters.tracking,
            clock=self._ground.clock,
            limits=Limits(
                seconds=settings.runs.seconds,
                memory_bytes=settings.runs.memory_bytes,
                output_bytes=settings.runs.output_bytes,
                disk_bytes=settings.runs.disk_bytes,
            ),
            secrets=self.secrets,
            projects=self.projects,
            logged=self.logged,
            opening=OpeningModels(
                adapters.tracking, self.packaging, opening(settings, adapters), self._ground.scratch.folder
            ),
            metric_rules=self._metric_rules,
            tracking_requirement=settings.tracking_server.requirement,
            credentials=adapters.run_credentials,
            check_space=self._ground.disk.refuse_full,
        )

    def _deploying(self) -> Deploying:
        return Deploying(
            jobs=self.jobs,
            registry=self._registry,
            packaging=self.packaging,
            deployments=self.deployments,
            clock=self._ground.clock,
            ready_seconds=self._ground.settings.deployments.ready_seconds,
        )

    def _registering(self) -> Registering:
        adapters = self._ground.adapters
        return Registering(
            jobs=self.jobs,
            registry=self._registry,
            tracking=adapters.tracking,
            uploads=self.uploads,
            opening=opening(self._ground.settings, adapters),
        )


def _seal(settings: SecretsSettings, home: Home) -> Seal:
    return Seal(kept_key(home.secrets_key_file) if settings.key is None else settings.key.get_secret_value())


def _nothing() -> None:
    """Ask for no space."""
