"""What the script of a job registers in MLflow is its job's version: one of ours, one of theirs, with one number."""

from pathlib import Path

import pytest
from mirror_desk import Desk

from modelyard.adapters.tracking.fake import FakeTracking
from modelyard.adapters.tracking.fake_registry import FakeRegisteredModels
from modelyard.errors import NotFound
from modelyard.jobs.domain import Job
from modelyard.jobs.service import JobService, owner_of
from modelyard.outbox.delivery import OutboxDelivery
from modelyard.ports.tracking import LoggedModel
from modelyard.principals import Principal
from modelyard.registry.provenance import Provenance, Source
from modelyard.registry.service import RegistryService
from modelyard.tracker_names import JOB_TAG
from modelyard.training.foreign_runs import ForeignRuns
from modelyard.training.kinds import TRAINING
from modelyard.training.logged import RUN_KEY_TAG, LoggedByJobs


@pytest.fixture
def job(jobs: JobService, registry: RegistryService, admin: Principal) -> Job:
    """A training job that runs."""
    made = jobs.create(admin, kind=TRAINING, model_name="iris", request={}, experiment_name="iris")
    running = jobs.begin(made.job_id)
    assert running is not None
    return running


@pytest.fixture
def logged(job: Job, tracking: FakeTracking) -> LoggedModel:
    """What its script logged."""
    tags = {JOB_TAG: job.job_id, RUN_KEY_TAG: f"{job.job_id}/1"}
    run_id = tracking.log_run("iris", metrics={"auc": 0.9}, tags=tags)
    return tracking.log_model(run_id, "model", {"MLmodel": b"x"}, tags=tags)


def finish(job: Job, logged: LoggedModel, jobs: JobService, registry: RegistryService, tracking: FakeTracking) -> None:
    """The rest of the job."""
    facts = Provenance(source=Source.JOB)
    by_jobs = LoggedByJobs(tracking, registry.job_runs, ForeignRuns(tracking, Path("unused")))
    by_jobs.bind(job, f"{job.job_id}/1", provenance=facts, lock_digest="")
    registry.register(owner_of(job), model_name="iris", logged=logged, job_id=job.job_id, provenance=facts)
    jobs.succeed(job.job_id)


class TestRegisteredByScripts:
    def test_one_artifact_is_one_version_with_one_number(
        self,
        desk: Desk,
        registry: RegistryService,
        registered: FakeRegisteredModels,
        delivery: OutboxDelivery,
        jobs: JobService,
        tracking: FakeTracking,
        admin: Principal,
        job: Job,
        logged: LoggedModel,
    ) -> None:
        registered.register("iris", logged.uri, run_id=logged.run_id)
        assert [outcome.is_settled for outcome in desk.take_over()] == [False]  # Its job has not ended.
        with pytest.raises(NotFound):
            registry.model(admin, "iris")
        finish(job, logged, jobs, registry, tracking)
        desk.take_over()
        while delivery.deliver_due():
            pass
        (version,) = registry.versions(admin, "iris")
        (shown,) = registered.versions("iris")
        assert (version.version, version.job_id, shown.number) == (1, job.job_id, 1)
        assert shown.tags["modelyard.version"] == "1"
        assert desk.take_over() == []
        assert desk.report() == []

    def test_registered_twice_the_second_is_refused_with_the_first_and_goes_with_its_deletion(
        self,
        desk: Desk,
        registry: RegistryService,
        registered: FakeRegisteredModels,
        delivery: OutboxDelivery,
        jobs: JobService,
        tracking: FakeTracking,
        admin: Principal,
        job: Job,
        logged: LoggedModel,
    ) -> None:
        for _ in range(2):
            registered.register("iris", logged.uri, run_id=logged.run_id)
        finish(job, logged, jobs, registry, tracking)
        while delivery.deliver_due():
            pass
        desk.take_over()
        (reason,) = desk.report()
        assert reason.startswith("it is version 1 of 'iris', which MLflow's version 1 of 'iris' shows already")
        assert desk.kinds() == ["refused"]
        assert [version.version for version in registry.versions(admin, "iris")] == [1]
        registered.drop_version("iris", 2)
        assert desk.report() == []

    def test_of_two_the_second_takes_the_place_of_a_first_that_was_deleted(
        self,
        desk: Desk,
        registry: RegistryService,
        registered: FakeRegisteredModels,
        delivery: OutboxDelivery,
        jobs: JobService,
        tracking: FakeTracking,
        job: Job,
        logged: LoggedModel,
    ) -> None:
        for _ in range(2):
            registered.register("iris", logged.uri, run_id=logged.run_id)
        finish(job, logged, jobs, registry, tracking)
        while delivery.deliver_due():
            pass
        desk.take_over()
        registered.drop_version("iris", 1)
        desk.repair()
        assert [shown.number for shown in registered.versions("iris")] == [2]
        assert desk.report() == []

    def test_under_another_models_name_it_is_refused_and_says_how(
        self,
        desk: Desk,
        registry: RegistryService,
        registered: FakeRegisteredModels,
        jobs: JobService,
        tracking: FakeTracking,
        admin: Principal,
        job: Job,
        logged: LoggedModel,
    ) -> None:
        registered.register("fraud", logged.uri, run_id=logged.run_id)
        finish(job, logged, jobs, registry, tracking)
        reasons = [outcome.drift.reason for outcome in desk.take_over()]
        assert len(reasons) == 1
        assert f"the script of job '{job.job_id}' registered it" in reasons[0]
        assert "POST /mlops/registry" in reasons[0]
        with pytest.raises(NotFound):
            registry.model(admin, "fraud")
