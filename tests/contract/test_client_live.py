"""The client against the real application over real HTTP. What lies behind the application's ports is fake."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import uvicorn

from modelyard.adapters.clock.system import SystemClock
from modelyard.adapters.environments.fake import FakeEnvironments
from modelyard.adapters.job_engine.inline import InlineJobEngine
from modelyard.adapters.key_sets.fake import FakeKeySets
from modelyard.adapters.model_server import HttpDriftCounts, HttpModelDocuments, HttpPredictions
from modelyard.adapters.receiver.fake import FakeReceivers
from modelyard.adapters.runner.fake import FakeEnd, FakeRunner
from modelyard.adapters.service_hosts.fake import FakeServiceHosts
from modelyard.adapters.target.fake import FakeTarget
from modelyard.adapters.tracking.fake import FakeTracking
from modelyard.adapters.tracking.fake_registry import FakeRegisteredModels
from modelyard.adapters.wheels import FakeWheels
from modelyard.main import Adapters, ControlPlane
from modelyard.packaging.settings import PackagingSettings
from modelyard.ports.runner import RunOutcome, RunPhase, RunSpec
from modelyard.settings import Settings
from modelyard.storage import StorageSettings
from modelyard.tracking_access.grants import NoCredentials
from modelyard.training.logged import RUN_KEY_TAG
from modelyard_client import Client, Script
from modelyard_client.errors import Conflict, Invalid, JobFailed, NotFound, Unauthenticated

GOOD = Script("train_churn.py", "log a model\n")
BAD = Script("train_churn.py", "raise ValueError\n")
ENDLESS = Script("train_churn.py", "go on\n")
MODEL_FILES = {
    "MLmodel": b"flavors:\n  sklearn:\n    pickled_model: model.pkl\n",
    "model.pkl": b"a model",
    "requirements.txt": b"scikit-learn==1.0\n",
}


class Scripts:
    """What each script does when it runs."""

    def __init__(self, tracking: FakeTracking) -> None:
        self._tracking = tracking

    def __call__(self, spec: RunSpec) -> FakeEnd | None:
        if spec.script_content == ENDLESS.content:
            return None
        output = "epoch 1\nepoch 2\n"
        if spec.script_content == BAD.content:
            failed = RunOutcome(RunPhase.FINISHED, exit_code=1, reason="ValueError: no such column")
            return FakeEnd(failed, output=output)
        run_id = self._tracking.log_run("churn", metrics={"accuracy": 0.95}, tags={RUN_KEY_TAG: spec.run_key})
        self._tracking.log_model(run_id, "model", MODEL_FILES)
        return FakeEnd(RunOutcome(RunPhase.FINISHED, exit_code=0), output=output)


@contextmanager
def working(engine: InlineJobEngine) -> Iterator[None]:
    """Work the jobs off, as an engine does by itself."""
    is_over = threading.Event()

    def work() -> None:
        while not is_over.is_set():
            if engine.run_next() is None:
                is_over.wait(0.02)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


@contextmanager
def served(control: ControlPlane) -> Iterator[str]:
    """The application on a free port."""
    server = uvicorn.Server(uvicorn.Config(control.app(), port=0, log_config=None, timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the application did not start"
            time.sleep(0.02)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client of an application that all tests of this module share."""
    home = tmp_path_factory.mktemp("home")
    tracking, engine = FakeTracking(), InlineJobEngine()
    runner = FakeRunner(Scripts(tracking))
    adapters = Adapters(
        clock=SystemClock(),
        engine=engine,
        environments=FakeEnvironments(home / "environments"),
        receivers=FakeReceivers(),
        service_hosts=FakeServiceHosts(),
        key_sets=FakeKeySets(),
        runner=runner,
        runners={"local": runner},
        targets={"fake": FakeTarget()},
        tracking=tracking,
        registered=FakeRegisteredModels(tracking),
        run_credentials=NoCredentials(),
        documents=HttpModelDocuments(),
        drift_counts=HttpDriftCounts(),
        predictions=HttpPredictions(),
        api_management=None,
        wheels=FakeWheels(home / "wheels"),
    )
    packaging = PackagingSettings(open_models=False)  # What is a fake opens no model.
    control = ControlPlane(Settings(storage=StorageSettings(home=home), packaging=packaging), adapters)
    with served(control) as url, working(engine):
        token = (home / "token").read_text().strip()
        with Client(url, token) as opened:
            yield opened


@pytest.fixture(scope="module")
def deployed(client: Client) -> str:
    """The id of a deployment of a model that one click made."""
    accepted = client.deployments.create_from_script(GOOD, requirements=["scikit-learn"], replicas=2)
    job = client.jobs.wait(accepted.job_id, timeout=60).require_success()
    assert job.deployment_id is not None
    return job.deployment_id


class TestJobs:
    def test_one_click_ends_with_a_deployment(self, client: Client, deployed: str) -> None:
        deployment = client.deployments.find("train-churn")
        assert (deployment.deployment_id, deployment.model_version, deployment.replicas) == (deployed, 1, 2)
        assert deployment.url is not None
        drift = client.deployments.drift(deployed)
        assert (drift.verdict, drift.profile_rows) == ("too_little_data", None)
        assert drift.message.startswith("no training profile: drift cannot be judged")

    def test_phases_pass_while_one_waits(self, client: Client) -> None:
        accepted = client.training.submit(GOOD, model_name="phases")
        job = client.jobs.wait(accepted.job_id, timeout=60)
        assert (job.kind, job.status, job.model_name, job.model_version) == ("training", "succeeded", "phases", 1)
        assert job.created_at is not None
        assert job.progress == 1.0

    def test_a_model_that_nobody_named_has_the_name_that_the_client_expects(self, client: Client) -> None:
        assert client.training.submit(GOOD).model_name == "train-churn"

    def test_the_same_request_with_the_same_key_is_the_same_job(self, client: Client) -> None:
        first = client.training.submit(GOOD, model_name="twice", idempotency_key="key-1")
        again = client.training.submit(GOOD, model_name="twice", idempotency_key="key-1")
        assert again.job_id == first.job_id
        with pytest.raises(Conflict):
            client.training.submit(BAD, model_name="twice", idempotency_key="key-1")

    def test_a_script_that_fails_gives_its_reason_and_its_log(self, client: Client) -> None:
        accepted = client.training.submit(BAD, model_name="bad")
        followed = [line.text for line in client.jobs.follow_log(accepted.job_id)]
        job = client.jobs.get(accepted.job_id)
        with pytest.raises(JobFailed, match="ValueError: no such column") as caught:
            job.require_success()
        assert caught.value.code == "script_failed"
        assert [line.text for line in client.jobs.log(accepted.job_id)] == followed
        assert [text for text in followed if text.startswith("epoch")] == ["epoch 1", "epoch 2"]

    def test_a_log_is_taken_up_at_any_of_its_lines(self, client: Client) -> None:
        accepted = client.training.submit(BAD, model_name="resumed")
        lines = list(client.jobs.follow_log(accepted.job_id))
        for index, line in enumerate(lines):
            assert list(client.jobs.follow_log(accepted.job_id, offset=line.offset)) == lines[index + 1 :]

    def test_a_running_job_can_be_cancelled_once(self, client: Client) -> None:
        accepted = client.training.submit(ENDLESS, model_name="endless")
        client.jobs.cancel(accepted.job_id)
        assert client.jobs.wait(accepted.job_id, timeout=60).status == "cancelled"
        with pytest.raises(Conflict) as caught:
            client.jobs.cancel(accepted.job_id)
        assert caught.value.code == "job_finished"

    def test_lists_are_filtered_and_limited(self, client: Client, deployed: str) -> None:
        jobs = list(client.jobs.list(kind="one_click", model_name="train-churn", status="succeeded", limit=1))
        assert [job.deployment_id for job in jobs] == [deployed]

    def test_what_is_wrong_is_named(self, client: Client) -> None:
        with pytest.raises(Invalid) as caught:
            client.training.submit(GOOD, requirements=["scikit-learn", "../elsewhere"])
        assert caught.value.field == "requirements.1"
        assert caught.value.request_id

    def test_no_job_is_not_found(self, client: Client) -> None:
        with pytest.raises(NotFound):
            client.jobs.get("job-of-nobody")


class TestModels:
    def test_a_model_has_its_versions(self, client: Client, deployed: str) -> None:
        model = client.models.get("train-churn")
        assert model.latest_version in {version.version for version in model.versions}
        assert model.versions[-1].metrics == {"accuracy": 0.95}
        assert "train-churn" in {each.name for each in client.models.list()}

    def test_a_run_is_registered_by_hand(self, client: Client, deployed: str) -> None:
        run_id = client.models.get("train-churn").versions[-1].run_id
        version = client.models.register("by-hand", run_id=run_id, tags={"team": "churn"})
        assert (version.name, version.version, version.tags["team"]) == ("by-hand", 1, "churn")


class TestDeployments:
    def test_a_version_that_exists_is_deployed_scaled_and_removed(self, client: Client, deployed: str) -> None:
        accepted = client.deployments.create("train-churn", version=1, namespace="other")
        job = client.jobs.wait(accepted.job_id, timeout=60).require_success()
        deployment_id = str(job.deployment_id)
        client.deployments.scale(deployment_id, replicas=3)
        ready = client.deployments.wait_until_ready(deployment_id, timeout=60)
        assert (ready.replicas, ready.ready_replicas, len(ready.replica_states)) == (3, 3, 3)
        client.deployments.remove(deployment_id)
        assert client.deployments.wait_until_stopped(deployment_id, timeout=60).status == "stopped"
        assert deployment_id not in {each.deployment_id for each in client.deployments.list()}
        assert deployment_id in {each.deployment_id for each in client.deployments.list(status="stopped")}

    def test_no_version_is_not_found(self, client: Client, deployed: str) -> None:
        with pytest.raises(NotFound):
            client.deployments.create("train-churn", version=99)


class TestStatus:
    def test_the_platform_is_well(self, client: Client, deployed: str) -> None:
        status = client.status.get()
        assert status.is_ok
        assert {"database", "mlflow", "target"} <= status.components.keys()
        assert status.deployments["ready"] >= 1

    def test_without_a_token_only_readiness_is_visible(self, client: Client) -> None:
        with Client(client.url) as stranger:
            assert stranger.status.is_ready()
            with pytest.raises(Unauthenticated):
                stranger.status.get()
