"""What all tests of the control plane find at hand; the fixtures lie in `support`, by what they give."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from control_plane_fixtures import (
    anonymous,
    client,
    control_plane,
    postgres_control_plane,
    shared_adapters,
    sqlite_control_plane,
    token,
)
from database_fixtures import (
    database,
    migrated_postgres,
    postgres_database,
    postgres_url,
    sqlite_database,
    sqlite_template,
)
from mlflow_fixtures import mlflow_backend, mlflow_folder, mlflow_server
from outside_fixtures import adapters, engine, environments, log_model, receivers, registered, runner, target, tracking
from ports import find_free_port
from unit_fixtures import (
    audit,
    delivery,
    deployments,
    jobs,
    leases,
    make_jobs,
    make_leases,
    make_registry,
    mirror,
    outbox,
    packaging,
    projects,
    registry,
    secrets,
    targets,
    training_service,
    version,
)
from waiting import until

from modelyard.adapters.clock.manual import ManualClock
from modelyard.home import Home
from modelyard.principals import Principal, Role

# pytest finds a fixture where a conftest has its name.
__all__ = [
    "adapters",
    "anonymous",
    "audit",
    "client",
    "control_plane",
    "database",
    "delivery",
    "deployments",
    "engine",
    "environments",
    "jobs",
    "leases",
    "log_model",
    "make_jobs",
    "make_leases",
    "make_registry",
    "migrated_postgres",
    "mirror",
    "mlflow_backend",
    "mlflow_folder",
    "mlflow_server",
    "outbox",
    "packaging",
    "postgres_control_plane",
    "postgres_database",
    "postgres_url",
    "projects",
    "receivers",
    "registered",
    "registry",
    "runner",
    "secrets",
    "shared_adapters",
    "sqlite_control_plane",
    "sqlite_database",
    "sqlite_template",
    "target",
    "targets",
    "token",
    "tracking",
    "training_service",
    "until",
    "version",
]


@pytest.fixture(scope="package", autouse=True)
def models_are_registered_as_they_come() -> Iterator[None]:
    """The models of most tests here are bytes that no server could open, and their runners start no process.

    Those that open models for real: `packaging/test_opening.py` the check itself, `uploads/test_opened_uploads.py` the
    whole application, `training/test_opening_models.py` what a job adds; and end to end all jobs of `tests/e2e`.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODELYARD_OPEN_MODELS", "false")
        yield


@pytest.fixture(scope="session", autouse=True)
def silent_log() -> None:
    """Errors of a test are reported by the test."""

    def drop(*_: object) -> str:
        raise structlog.DropEvent

    structlog.configure(processors=[drop])


@pytest.fixture
def first_port() -> int:
    """The first of fifty ports for servers, which test processes that run at the same time do not share."""
    return 18000 + os.getpid() % 200 * 50


@pytest.fixture
def free_port() -> int:
    """A port of this machine where nobody listens."""
    return find_free_port()


@pytest.fixture
def home() -> Iterator[Home]:
    """A home whose path is short, as a user's is; pytest's own are not."""
    with tempfile.TemporaryDirectory(prefix="my-", ignore_cleanup_errors=True) as folder:
        home = Home(Path(folder) / "home")
        home.make()
        yield home


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
