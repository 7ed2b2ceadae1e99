"""From a stock client's model to a version, a bundle, its mirror and back, over each store of MLflow's server."""

import hashlib
import random
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from registries import registry_service

from modelyard.access.failures import FailedLogins
from modelyard.access.service import AccessService
from modelyard.access.tenants import Tenants
from modelyard.access.tokens import Tokens
from modelyard.adapters.clock.manual import ManualClock
from modelyard.adapters.environments import FakeEnvironments
from modelyard.adapters.runner import FakeRunner
from modelyard.adapters.tracking import MlflowRegisteredModels, MlflowTracking
from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.home import Home
from modelyard.leases.service import Leases
from modelyard.mirror.domain import tracker
from modelyard.mirror.parts import MirrorParts, mirror_parts
from modelyard.mirror.places import Place
from modelyard.outbox.service import Outbox
from modelyard.packaging.compiler import TrialCompiler
from modelyard.packaging.profiling import NoProfiler
from modelyard.packaging.service import PackagingService
from modelyard.ports.runner import Limits
from modelyard.principals import Principal, Role
from modelyard.registry.service import RegistryService
from modelyard.registry.stages import StageMover
from modelyard.registry.states import Stage

STORES = {"SQLite and disk": "mlflow_server", "PostgreSQL and S3": "mlflow_on_s3", "Azure Blob": "mlflow_on_azure"}
LIMITS = Limits(seconds=60, memory_bytes=1 << 30, output_bytes=1 << 20, disk_bytes=1 << 30)
ADMIN = Principal(tenant_id="default", subject="ada", role=Role.ADMIN)
LARGE = random.Random(1).randbytes(3 * 1024 * 1024 + 7)


@pytest.fixture(params=list(STORES.values()), ids=list(STORES))
def uri(request: pytest.FixtureRequest) -> str:
    """The address of an MLflow server on one of the stores."""
    address: str = request.getfixturevalue(request.param)
    return address


@pytest.fixture
def stock(uri: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """MLflow's own library, which knows nothing of us."""
    import mlflow  # noqa: PLC0415  # Takes seconds.

    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", uri)
    return mlflow


@pytest.fixture
def database(sqlite_database: Database) -> Database:
    """Ours is beside the point here."""
    return sqlite_database


@pytest.fixture
def registry(
    uri: str, database: Database, clock: ManualClock, audit: AuditLog, outbox: Outbox, tmp_path: Path
) -> RegistryService:
    tracking = MlflowTracking(uri=uri)
    return registry_service(database, clock, tmp_path, tracking=tracking, audit=audit, outbox=outbox)


@pytest.fixture
def mirror(uri: str, database: Database, clock: ManualClock, audit: AuditLog, registry: RegistryService) -> MirrorParts:
    tokens = Tokens(database=database, clock=clock, audit=audit)
    failures = FailedLogins(clock=clock, most=9)
    AccessService(database=database, clock=clock, tokens=tokens, is_open=False, failures=failures).first_token()
    return mirror_parts(
        database=database,
        clock=clock,
        registry=registry,
        registered=MlflowRegisteredModels(uri=uri),
        audit=audit,
        tenants=Tenants(database=database, clock=clock, audit=audit, tokens=tokens),
        all_seconds=600,
    )


@pytest.fixture
def name() -> str:
    return f"name-{uuid4().hex[:12]}"


@pytest.fixture
def log(stock: Any, tmp_path: Path) -> Callable[..., Any]:
    """Log a model with a file that takes several reads."""
    large = tmp_path / "large.bin"
    large.write_bytes(LARGE)

    class Constant(stock.pyfunc.PythonModel):  # type: ignore[misc]  # MLflow has no types.
        def predict(self, context: object, model_input: list[int], params: object = None) -> list[int]:
            return [1] * len(model_input)

    def log_model(**options: Any) -> Any:
        with stock.start_run():
            return stock.pyfunc.log_model(
                name="model",
                python_model=Constant(),
                artifacts={"large": str(large)},
                pip_requirements=["mlflow"],
                **options,
            )

    return log_model


@pytest.mark.filterwarnings("ignore:.*Any type hint")
@pytest.mark.filterwarnings("ignore:.*type hint")
class TestStores:
    def test_a_version_is_hashed_packaged_mirrored_and_loaded_by_a_stock_client(
        self,
        registry: RegistryService,
        mirror: MirrorParts,
        stock: Any,
        name: str,
        log: Callable[..., Any],
        database: Database,
        clock: ManualClock,
        audit: AuditLog,
        outbox: Outbox,
        uri: str,
        home: Home,
    ) -> None:
        (found,) = registry.find_logged(ADMIN, run_id=None, model_uri=f"models:/{log().model_id}")
        version = registry.register(
            ADMIN, model_name=name, logged=found.model, description="Good.", tags={"team": "red"}
        )
        hashes = {file.path: (file.sha256, file.size) for file in registry.manifest(version).files}
        assert hashes["artifacts/large.bin"] == (hashlib.sha256(LARGE).hexdigest(), len(LARGE))

        mover = StageMover(clock=clock, audit=audit, outbox=outbox)
        for stage in (Stage.STAGING, Stage.PRODUCTION):
            with database.write() as connection:
                current = registry.version_within(connection, ADMIN, name, 1)
                mover.move(connection, ADMIN, current, stage, reason="tested")
        mirror.service.show("default", name, 1)

        shown = stock.MlflowClient().get_model_version_by_alias(name, "production")
        assert (shown.description, shown.tags["team"], shown.tags["modelyard.version"]) == ("Good.", "red", "1")
        for address in (f"models:/{name}@production", f"models:/{name}/1"):
            assert stock.pyfunc.load_model(address).predict([1, 2]) == [1, 1]
        assert [outcome.drift.reason for outcome in mirror.reconciliation.settle(Place("default", name, name))] == []

        environments = FakeEnvironments(home.root / "environments")
        packaging = PackagingService(
            database=database,
            clock=clock,
            tracking=MlflowTracking(uri=uri),
            registry=registry,
            environments=environments,
            compiler=TrialCompiler(environments=environments, runner=FakeRunner(), clock=clock, limits=LIMITS),
            profiler=NoProfiler(),
            folder=home.bundles,
            scratch=home.scratch,
            leases=Leases(database=database, clock=clock, holder="one", lasts=timedelta(seconds=6)),
            require_space=lambda _: None,
        )
        bundle = packaging.build(registry.version(ADMIN, name, 1), log=lambda _: None)
        assert (bundle.path / "model" / "artifacts" / "large.bin").read_bytes() == LARGE

    def test_what_a_stock_client_registers_becomes_ours(
        self,
        registry: RegistryService,
        mirror: MirrorParts,
        stock: Any,
        name: str,
        log: Callable[..., Any],
    ) -> None:
        place = Place("default", name, name)
        first = log(registered_model_name=name)
        second = stock.register_model(f"models:/{log().model_id}", name, tags={"seen": "yes"})
        stock.MlflowClient().set_registered_model_alias(name, "production", "2")
        stock.MlflowClient().copy_model_version(f"models:/{name}/2", f"{name}-copy")

        settled = list(mirror.reconciliation.settle(place))
        copied = list(mirror.reconciliation.settle(Place("default", f"{name}-copy", f"{name}-copy")))

        assert [each.version.version for each in settled if each.version] == [1, 2]
        assert [each.version.version for each in copied if each.version] == [1]
        assert registry.version(ADMIN, name, 1).model_uri == f"models:/{first.model_id}"
        ours = registry.version(ADMIN, name, 2)
        assert (ours.tags["seen"], ours.created_by, ours.stage) == ("yes", tracker("default").subject, Stage.NONE)
        assert registry.version(ADMIN, f"{name}-copy", 1).manifest_digest == ours.manifest_digest
        assert ours.model_uri == second.source
        for number in (1, 2):  # As the messages of their registration have it done.
            mirror.service.show("default", name, number)
        assert stock.MlflowClient().get_registered_model(name).aliases == {}
        assert stock.MlflowClient().get_model_version(name, "2").tags["modelyard.version"] == "2"
        assert list(mirror.reconciliation.settle(place)) == []
