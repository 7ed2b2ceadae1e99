"""The units of the control plane, each built of the next as `main` does it, over both databases."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

import pytest
import structlog
from empty_postgres import empty
from fastapi.testclient import TestClient
from ports import find_free_port
from tracking_servers import serve_mlflow

from modelyard.access.domain import Principal, Role
from modelyard.adapters.clock.manual import ManualClock
from modelyard.adapters.environments import FakeEnvironments
from modelyard.adapters.job_engine.inline import InlineJobEngine
from modelyard.adapters.receiver.fake import FakeReceivers
from modelyard.adapters.runner import FakeRunner
from modelyard.adapters.target.fake import FakeTarget
from modelyard.adapters.tracking.fake import FakeTracking
from modelyard.adapters.tracking.fake_registry import FakeRegisteredModels
from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.deployments.service import DeploymentService
from modelyard.home import Home
from modelyard.jobs.service import JobService
from modelyard.main import Adapters, ControlPlane
from modelyard.mirror.service import MirrorService
from modelyard.outbox.service import Outbox
from modelyard.packaging.compiler import TrialCompiler
from modelyard.packaging.service import PackagingService
from modelyard.ports.runner import Limits
from modelyard.ports.tracking import LoggedModel
from modelyard.registry.domain import Version
from modelyard.registry.service import RegistryService
from modelyard.registry.stages import MIRROR_TOPIC
from modelyard.settings import Settings

SKLEARN_MODEL = {
    "MLmodel": b"flavors:\n  python_function: {loader_module: mlflow.sklearn}\n  sklearn: {pickled_model: model.pkl}\n",
    "model.pkl": b"never unpickled here",
    "requirements.txt": b"mlflow==3.17.2\nscikit-learn==1.5.0\n",
}
TRIAL_LIMITS = Limits(seconds=60, memory_bytes=1 << 30, output_bytes=1 << 20, disk_bytes=1 << 30)


class Until(Protocol):
    """Waits for what real processes do."""

    def __call__(self, fact: Callable[[], object], *, seconds: float = 20) -> None: ...


@pytest.fixture(scope="session", autouse=True)
def silent_log() -> None:
    """What goes wrong in a test is told by the test."""

    def drop(*_: object) -> str:
        raise structlog.DropEvent

    structlog.configure(processors=[drop])


@pytest.fixture
def until() -> Until:
    def wait(fact: Callable[[], object], *, seconds: float = 20) -> None:
        deadline = time.monotonic() + seconds
        while not fact():
            assert time.monotonic() < deadline, f"not so after {seconds} s"
            time.sleep(0.05)

    return wait


@pytest.fixture
def first_port() -> int:
    """The first of fifty ports for servers, which test processes that run at the same time do not share."""
    return 18000 + os.getpid() % 200 * 50


@pytest.fixture
def home() -> Iterator[Home]:
    """A home whose path is short, as a user's is; pytest's own are not."""
    with tempfile.TemporaryDirectory(prefix="my-", ignore_cleanup_errors=True) as folder:
        home = Home(Path(folder) / "home")
        home.make()
        yield home


def _postgres_binaries() -> Path | None:
    if shutil.which("pg_config") is None:
        return None
    found = subprocess.run(["pg_config", "--bindir"], check=True, capture_output=True, text=True)
    folder = Path(found.stdout.strip())
    return folder if (folder / "initdb").exists() else None


def _as_a_user(command: list[str]) -> list[str]:
    """The same command as somebody who is not root, whom PostgreSQL refuses."""
    if os.geteuid() != 0:
        return command
    return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *command]


@pytest.fixture
def free_port() -> int:
    """A port of this machine where nobody listens."""
    return find_free_port()


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A private PostgreSQL on a free port, as long as the tests run; skips where its binaries are missing."""
    binaries = _postgres_binaries()
    if binaries is None:
        pytest.skip("PostgreSQL's server binaries (pg_config, initdb) are not on this machine")
    folder = Path(tempfile.mkdtemp(prefix="modelyard-postgres-"))
    data, port = folder / "data", find_free_port()
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off -c max_connections=200"
    control = [str(binaries / "pg_ctl"), "--pgdata", str(data), "--wait", "--silent"]
    initialise = [str(binaries / "initdb"), "--pgdata", str(data), "--username=postgres", "--auth=trust", "--no-sync"]
    try:
        if os.geteuid() == 0:
            os.chown(folder, 65534, 65534)
        subprocess.run(_as_a_user([*initialise, "--encoding=UTF8", "--locale=C"]), check=True, capture_output=True)
        start = [*control, "--log", str(folder / "log"), "--options", options, "start"]
        subprocess.run(_as_a_user(start), check=True, stdout=subprocess.DEVNULL, timeout=60)
        yield f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"
        subprocess.run(_as_a_user([*control, "--mode", "immediate", "stop"]), check=True, stdout=subprocess.DEVNULL)
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file that holds the schema and no rows."""
    path = tmp_path_factory.mktemp("schema") / "modelyard.db"
    database = Database(f"sqlite:///{path}")
    database.migrate()
    database.close()
    return path


@pytest.fixture(scope="session")
def migrated_postgres(postgres_url: str) -> Iterator[Database]:
    database = Database(postgres_url)
    database.migrate()
    yield database
    database.close()


@pytest.fixture(scope="session")
def mlflow_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server keeps its database and its files."""
    return tmp_path_factory.mktemp("mlflow")


@pytest.fixture(scope="session")
def mlflow_backend(mlflow_folder: Path) -> str:
    """The address of the server's own database."""
    return f"sqlite:///{mlflow_folder}/mlflow.db"


@pytest.fixture(scope="session")
def mlflow_server(mlflow_folder: Path, mlflow_backend: str) -> Iterator[str]:
    """The address of an MLflow tracking server on SQLite, with artifacts on disk."""
    with serve_mlflow(mlflow_folder, backend=mlflow_backend, artifacts=str(mlflow_folder / "files")) as uri:
        yield uri


@pytest.fixture
def sqlite_database(sqlite_template: Path, tmp_path: Path) -> Iterator[Database]:
    path = tmp_path / "modelyard.db"
    shutil.copy(sqlite_template, path)
    database = Database(f"sqlite:///{path}")
    yield database
    database.close()


@pytest.fixture
def postgres_database(migrated_postgres: Database) -> Iterator[Database]:
    """The one that all tests share, one after the other, and leave empty."""
    yield migrated_postgres
    empty(migrated_postgres)


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> Database:
    """A database with the schema and no rows, on each engine in turn."""
    database: Database = request.getfixturevalue(f"{request.param}_database")
    return database


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def alice() -> Principal:
    """A developer of the first tenant."""
    return Principal(tenant_id="default", subject="alice", role=Role.DEVELOPER)


@pytest.fixture
def stranger() -> Principal:
    """A developer of another tenant."""
    return Principal(tenant_id="elsewhere", subject="mallory", role=Role.DEVELOPER)


@pytest.fixture
def audit(database: Database, clock: ManualClock) -> AuditLog:
    return AuditLog(database=database, clock=clock)


@pytest.fixture
def outbox(database: Database, clock: ManualClock) -> Outbox:
    return Outbox(database=database, clock=clock)


@pytest.fixture
def engine() -> InlineJobEngine:
    return InlineJobEngine()


@pytest.fixture
def make_jobs(
    database: Database, clock: ManualClock, engine: InlineJobEngine, audit: AuditLog, tmp_path: Path
) -> Callable[[], JobService]:
    """The jobs of one process; several share the database, as after a restart."""
    return lambda: JobService(database=database, clock=clock, engine=engine, audit=audit, folder=tmp_path / "jobs")


@pytest.fixture
def jobs(make_jobs: Callable[[], JobService]) -> JobService:
    return make_jobs()


@pytest.fixture
def tracking() -> FakeTracking:
    return FakeTracking()


@pytest.fixture
def registered(tracking: FakeTracking) -> FakeRegisteredModels:
    """The tracker's registry of models."""
    return FakeRegisteredModels(tracking)


@pytest.fixture
def environments(tmp_path: Path) -> FakeEnvironments:
    return FakeEnvironments(tmp_path / "environments")


@pytest.fixture
def target() -> FakeTarget:
    return FakeTarget()


@pytest.fixture
def make_registry(
    database: Database, clock: ManualClock, tracking: FakeTracking, audit: AuditLog, outbox: Outbox, tmp_path: Path
) -> Callable[[], RegistryService]:
    """The registry of one process; several share the database."""
    return lambda: RegistryService(
        database=database, clock=clock, tracking=tracking, audit=audit, outbox=outbox, scratch=tmp_path / "scratch"
    )


@pytest.fixture
def registry(make_registry: Callable[[], RegistryService]) -> RegistryService:
    return make_registry()


@pytest.fixture
def mirror(
    database: Database, registry: RegistryService, registered: FakeRegisteredModels, outbox: Outbox
) -> MirrorService:
    """What the outbox's messages bring up to date."""
    mirror = MirrorService(database=database, registry=registry, registered=registered)
    outbox.deliver_with(MIRROR_TOPIC, mirror.deliver)
    return mirror


@pytest.fixture
def packaging(
    database: Database,
    clock: ManualClock,
    tracking: FakeTracking,
    registry: RegistryService,
    environments: FakeEnvironments,
    runner: FakeRunner,
    tmp_path: Path,
) -> PackagingService:
    return PackagingService(
        database=database,
        clock=clock,
        tracking=tracking,
        registry=registry,
        environments=environments,
        compiler=TrialCompiler(environments=environments, runner=runner, clock=clock, limits=TRIAL_LIMITS),
        folder=tmp_path / "bundles",
        scratch=tmp_path / "scratch",
    )


@pytest.fixture
def deployments(
    database: Database, clock: ManualClock, audit: AuditLog, registry: RegistryService, target: FakeTarget
) -> DeploymentService:
    return DeploymentService(database=database, clock=clock, audit=audit, registry=registry, target=target.name)


@pytest.fixture
def log_model(tracking: FakeTracking) -> Callable[..., LoggedModel]:
    """Is the script that logs a scikit-learn model in a run of its own."""

    def log(
        name: str = "model", *, files: Mapping[str, bytes] | None = None, metrics: Mapping[str, float] | None = None
    ) -> LoggedModel:
        run_id = tracking.log_run("iris", parameters={"depth": "3"}, metrics=metrics or {"auc": 0.9}, tags={"by": "me"})
        return tracking.log_model(run_id, name, SKLEARN_MODEL | dict(files or {}))

    return log


@pytest.fixture
def version(registry: RegistryService, alice: Principal, log_model: Callable[..., LoggedModel]) -> Version:
    """A registered version of the model `iris`."""
    return registry.register(alice, model_name="iris", logged=log_model())


@pytest.fixture
def runner() -> FakeRunner:
    return FakeRunner()


@pytest.fixture
def receivers() -> FakeReceivers:
    return FakeReceivers()


@pytest.fixture
def adapters(
    clock: ManualClock,
    engine: InlineJobEngine,
    environments: FakeEnvironments,
    receivers: FakeReceivers,
    runner: FakeRunner,
    target: FakeTarget,
    tracking: FakeTracking,
    registered: FakeRegisteredModels,
) -> Adapters:
    """The world outside, in memory."""
    return Adapters(
        clock=clock,
        engine=engine,
        environments=environments,
        receivers=receivers,
        runner=runner,
        target=target,
        tracking=tracking,
        registered=registered,
    )


@pytest.fixture
def sqlite_control_plane(adapters: Adapters, tmp_path: Path) -> Iterator[ControlPlane]:
    """The whole control plane over its own new home; nothing works in the background."""
    control_plane = ControlPlane(Settings(home=tmp_path / "home"), adapters)
    control_plane.database.migrate()
    yield control_plane
    control_plane.database.close()


@pytest.fixture
def postgres_control_plane(
    adapters: Adapters, tmp_path: Path, postgres_url: str, postgres_database: Database
) -> Iterator[ControlPlane]:
    control_plane = ControlPlane(Settings(home=tmp_path / "home", database_url=postgres_url), adapters)
    yield control_plane
    control_plane.database.close()


@pytest.fixture(params=["sqlite", "postgres"])
def control_plane(request: pytest.FixtureRequest) -> ControlPlane:
    control_plane: ControlPlane = request.getfixturevalue(f"{request.param}_control_plane")
    return control_plane


@pytest.fixture
def token(control_plane: ControlPlane) -> str:
    """The first token of this control plane: an administrator's."""
    secret = control_plane.access.first_token()
    assert secret is not None
    return secret


@pytest.fixture
def anonymous(control_plane: ControlPlane) -> TestClient:
    """A caller without a token. What breaks inside is answered, as it is in production."""
    return TestClient(control_plane.app(), raise_server_exceptions=False)


@pytest.fixture
def client(anonymous: TestClient, token: str) -> TestClient:
    """An administrator."""
    anonymous.headers["Authorization"] = f"Bearer {token}"
    return anonymous
