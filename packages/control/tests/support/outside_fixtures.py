"""The world outside of the control plane, in memory."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from modelyard.adapters.clock.manual import ManualClock
from modelyard.adapters.environments import FakeEnvironments
from modelyard.adapters.job_engine.inline import InlineJobEngine
from modelyard.adapters.key_sets.fake import FakeKeySets
from modelyard.adapters.model_server import HttpDriftCounts, HttpModelDocuments, HttpPredictions
from modelyard.adapters.receiver.fake import FakeReceivers
from modelyard.adapters.runner import FakeRunner
from modelyard.adapters.service_hosts.fake import FakeServiceHosts
from modelyard.adapters.target.fake import FakeTarget
from modelyard.adapters.tracking.fake import FakeTracking
from modelyard.adapters.tracking.fake_registry import FakeRegisteredModels
from modelyard.adapters.wheels import FakeWheels
from modelyard.main import Adapters
from modelyard.ports.tracking import LoggedModel
from modelyard.tracking_access.grants import NoCredentials

SKLEARN_MODEL = {
    "MLmodel": b"flavors:\n  python_function: {loader_module: mlflow.sklearn}\n  sklearn: {pickled_model: model.pkl}\n",
    "model.pkl": b"never unpickled here",
    "requirements.txt": b"mlflow==3.17.2\nscikit-learn==1.5.0\n",
}


@pytest.fixture
def engine() -> InlineJobEngine:
    return InlineJobEngine()


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
    tmp_path: Path,
) -> Adapters:
    """The world outside, in memory."""
    return Adapters(
        clock=clock,
        engine=engine,
        environments=environments,
        receivers=receivers,
        service_hosts=FakeServiceHosts(),
        key_sets=FakeKeySets(),
        runner=runner,
        runners={"local": runner},
        targets={"fake": target},
        tracking=tracking,
        registered=registered,
        run_credentials=NoCredentials(),
        documents=HttpModelDocuments(),
        drift_counts=HttpDriftCounts(),
        predictions=HttpPredictions(),
        api_management=None,
        wheels=FakeWheels(tmp_path / "wheels", source_only={"source-only"}),
    )


@pytest.fixture
def log_model(tracking: FakeTracking) -> Callable[..., LoggedModel]:
    """Is the script that logs a scikit-learn model in a run of its own."""

    def log(
        name: str = "model", *, files: Mapping[str, bytes] | None = None, metrics: Mapping[str, float] | None = None
    ) -> LoggedModel:
        run_id = tracking.log_run("iris", parameters={"depth": "3"}, metrics=metrics or {"auc": 0.9}, tags={"by": "me"})
        return tracking.log_model(run_id, name, SKLEARN_MODEL | dict(files or {}))

    return log
