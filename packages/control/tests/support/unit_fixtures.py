"""The units of the control plane, each built of the next as `main` does it."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from registries import registry_service

from modelyard.adapters.clock.manual import ManualClock
from modelyard.adapters.environments import FakeEnvironments
from modelyard.adapters.job_engine.inline import InlineJobEngine
from modelyard.adapters.runner import FakeRunner
from modelyard.adapters.target.fake import FakeTarget
from modelyard.adapters.tracking.fake import FakeTracking
from modelyard.adapters.tracking.fake_registry import FakeRegisteredModels
from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.deployments.service import DeploymentService
from modelyard.deployments.targets import Targets
from modelyard.disk import Disk
from modelyard.job_secrets.sealing import Seal
from modelyard.job_secrets.service import JobSecrets
from modelyard.jobs.service import JobService
from modelyard.leases.service import Leases
from modelyard.main.kinds import JOB_KINDS
from modelyard.mirror.service import MirrorService
from modelyard.outbox.delivery import OutboxDelivery
from modelyard.outbox.service import Outbox
from modelyard.packaging.compiler import TrialCompiler
from modelyard.packaging.profiling import NoProfiler
from modelyard.packaging.service import PackagingService
from modelyard.ports.runner import Limits
from modelyard.ports.tracking import LoggedModel
from modelyard.principals import Principal
from modelyard.projects.service import ProjectService
from modelyard.registry.domain import Version
from modelyard.registry.service import RegistryService
from modelyard.registry.stages import MIRROR_TOPIC
from modelyard.training.runners import Runners
from modelyard.training.service import TrainingService

TRIAL_LIMITS = Limits(seconds=60, memory_bytes=1 << 30, output_bytes=1 << 20, disk_bytes=1 << 30)


@pytest.fixture
def audit(database: Database, clock: ManualClock) -> AuditLog:
    return AuditLog(database=database, clock=clock)


@pytest.fixture
def make_leases(database: Database, clock: ManualClock) -> Callable[[], Leases]:
    """The leases of one process; several share the database."""
    return lambda: Leases(database=database, clock=clock, holder=uuid4().hex, lasts=timedelta(seconds=6))


@pytest.fixture
def leases(make_leases: Callable[[], Leases]) -> Leases:
    return make_leases()


@pytest.fixture
def outbox(clock: ManualClock) -> Outbox:
    return Outbox(clock=clock)


@pytest.fixture
def make_jobs(
    database: Database,
    clock: ManualClock,
    engine: InlineJobEngine,
    audit: AuditLog,
    secrets: JobSecrets,
    tmp_path: Path,
) -> Callable[[], JobService]:
    """The jobs of one process; several share the database, as after a restart."""
    return lambda: JobService(
        database=database,
        clock=clock,
        engine=engine,
        audit=audit,
        folder=tmp_path / "jobs",
        kinds=JOB_KINDS,
        at_end=secrets.forget,
    )


@pytest.fixture
def jobs(make_jobs: Callable[[], JobService]) -> JobService:
    return make_jobs()


@pytest.fixture
def secrets(database: Database) -> JobSecrets:
    """The secrets of jobs, which go when their job ends."""
    return JobSecrets(database=database, seal=Seal("a key of the tests, long enough for anybody"))


@pytest.fixture
def projects(clock: ManualClock, tmp_path: Path) -> ProjectService:
    return ProjectService(
        folder=tmp_path / "projects",
        scratch=tmp_path / "scratch",
        clock=clock,
        max_bytes=1 << 20,
        kept=timedelta(days=30),
        disk=Disk(tmp_path, floor_bytes=0, reserve_bytes=0),
        is_needed=lambda *_: False,
    )


@pytest.fixture
def targets(target: FakeTarget) -> Targets:
    return Targets({"fake": target, "docker": FakeTarget()})


@pytest.fixture
def training_service(
    jobs: JobService, secrets: JobSecrets, projects: ProjectService, targets: Targets, runner: FakeRunner
) -> TrainingService:
    return TrainingService(
        metric_rules=lambda *_: {},
        jobs=jobs,
        secrets=secrets,
        projects=projects,
        targets=targets,
        runners=Runners({"local": runner, "far": runner}),
        most_seconds=3600,
    )


@pytest.fixture
def make_registry(
    database: Database, clock: ManualClock, tracking: FakeTracking, audit: AuditLog, outbox: Outbox, tmp_path: Path
) -> Callable[[], RegistryService]:
    """The registry of one process; several share the database."""
    return lambda: registry_service(database, clock, tmp_path, tracking=tracking, audit=audit, outbox=outbox)


@pytest.fixture
def registry(make_registry: Callable[[], RegistryService]) -> RegistryService:
    return make_registry()


@pytest.fixture
def mirror(database: Database, registry: RegistryService, registered: FakeRegisteredModels) -> MirrorService:
    """What the outbox's messages bring up to date."""
    return MirrorService(database=database, registry=registry, registered=registered)


@pytest.fixture
def delivery(database: Database, clock: ManualClock, mirror: MirrorService) -> OutboxDelivery:
    """Delivers the outbox's messages to the mirror."""
    return OutboxDelivery(database=database, clock=clock, handlers={MIRROR_TOPIC: mirror.deliver})


@pytest.fixture
def packaging(
    database: Database,
    clock: ManualClock,
    tracking: FakeTracking,
    registry: RegistryService,
    environments: FakeEnvironments,
    runner: FakeRunner,
    leases: Leases,
    tmp_path: Path,
) -> PackagingService:
    return PackagingService(
        database=database,
        clock=clock,
        tracking=tracking,
        registry=registry,
        environments=environments,
        compiler=TrialCompiler(environments=environments, runner=runner, clock=clock, limits=TRIAL_LIMITS),
        profiler=NoProfiler(),
        folder=tmp_path / "bundles",
        scratch=tmp_path / "scratch",
        leases=leases,
        require_space=lambda _: None,
    )


@pytest.fixture
def deployments(
    database: Database, clock: ManualClock, audit: AuditLog, registry: RegistryService, targets: Targets
) -> DeploymentService:
    return DeploymentService(database=database, clock=clock, audit=audit, registry=registry, targets=targets)


@pytest.fixture
def version(registry: RegistryService, alice: Principal, log_model: Callable[..., LoggedModel]) -> Version:
    """A registered version of the model `iris`."""
    return registry.register(alice, model_name="iris", logged=log_model())
