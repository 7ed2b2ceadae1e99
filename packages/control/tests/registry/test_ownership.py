"""A run, a logged model or files of another tenant are answered exactly as what does not exist."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from modelyard.adapters.clock.manual import ManualClock
from modelyard.adapters.tracking.fake import FakeTracking
from modelyard.db import Database
from modelyard.errors import NotFound
from modelyard.jobs.domain import Job
from modelyard.jobs.service import JobService
from modelyard.ports.tracking import LoggedModel, TrackedRun
from modelyard.principals import Principal
from modelyard.registry.deletion_store import delete_versions
from modelyard.registry.domain import Given, Version
from modelyard.registry.ownership import lock_source
from modelyard.registry.registration import Registration
from modelyard.registry.service import RegistryService
from modelyard.tracker_names import JOB_TAG, mirror_name
from modelyard.training.kinds import TRAINING

NOBODYS_RUN, NOBODYS_MODEL = "f" * 32, "m-" + "f" * 32
Ask = Callable[[LoggedModel], str]
ASKED: list[Ask] = [
    lambda model: str(model.run_id),
    lambda model: model.model_id,
    lambda model: model.uri,
    lambda model: f"runs:/{model.run_id}/{model.name}",
]


class SlowTracking(FakeTracking):
    """Needs longer for what it has, as servers do."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__()
        self._clock = clock

    def run(self, run_id: str) -> TrackedRun:
        run = super().run(run_id)
        self._clock.sleep(0.07)
        return run

    def logged_model(self, uri: str) -> LoggedModel:
        model = super().logged_model(uri)
        self._clock.sleep(0.07)
        return model


@pytest.fixture
def tracking(clock: ManualClock) -> FakeTracking:
    return SlowTracking(clock)


@pytest.fixture
def registry(make_registry: Callable[[], RegistryService]) -> RegistryService:
    return make_registry()


@pytest.fixture
def registration(registry: RegistryService, clock: ManualClock) -> Registration:
    return Registration(registry=registry, clock=clock, metric_rules=lambda *_: {}, job_of_upload=lambda *_: None)


def register(registration: Registration, principal: Principal, artifact_id: str) -> Version:
    return registration.artifact(principal, name="iris", artifact_id=artifact_id, given=Given())


def nobodys(model: LoggedModel, artifact_id: str) -> str:
    """The same words about something that is not there."""
    given = artifact_id.replace(str(model.run_id), NOBODYS_RUN) if model.run_id else artifact_id
    return given.replace(model.model_id, NOBODYS_MODEL)


class TestStrangers:
    @pytest.fixture
    def model(self, tracking: FakeTracking) -> LoggedModel:
        return tracking.log_model(tracking.log_run("churn"), "model", {"model.pkl": b"x"})

    @pytest.fixture
    def is_refused(
        self, registration: Registration, stranger: Principal, clock: ManualClock
    ) -> Callable[[LoggedModel], None]:
        """Whether a stranger gets the same answer for this model, at the same moment, as of one that is not there."""

        def answer(artifact_id: str) -> tuple[str, str, str | None, float]:
            asked = clock.now()
            with pytest.raises(NotFound) as caught:
                register(registration, stranger, artifact_id)
            waited = round((clock.now() - asked).total_seconds(), 6)
            return caught.value.message, caught.value.code, caught.value.field, waited

        def check(model: LoggedModel) -> None:
            for ask in ASKED:
                artifact_id = ask(model)
                absent = nobodys(model, artifact_id)
                assert absent != artifact_id
                given, *rest = answer(artifact_id)
                assert [nobodys(model, given), *rest] == list(answer(absent))

        return check

    def test_what_another_tenant_has_registered_is_not_there(
        self,
        registration: Registration,
        alice: Principal,
        model: LoggedModel,
        is_refused: Callable[[LoggedModel], None],
    ) -> None:
        register(registration, alice, model.model_id)
        is_refused(model)
        assert register(registration, alice, model.model_id).version == 2

    def test_what_another_tenant_has_deleted_is_not_there(
        self,
        registration: Registration,
        database: Database,
        clock: ManualClock,
        alice: Principal,
        model: LoggedModel,
        is_refused: Callable[[LoggedModel], None],
    ) -> None:
        version = register(registration, alice, model.model_id)
        with database.write() as connection:
            delete_versions(connection, [version], at=clock.now())
        is_refused(model)

    def test_another_model_of_that_run_is_not_there_either(
        self,
        registration: Registration,
        tracking: FakeTracking,
        alice: Principal,
        model: LoggedModel,
        is_refused: Callable[[LoggedModel], None],
    ) -> None:
        register(registration, alice, model.model_id)
        is_refused(tracking.log_model(model.run_id, "second", {"model.pkl": b"y"}))

    def test_a_run_of_another_tenants_job_is_not_there_before_it_is_registered(
        self,
        registration: Registration,
        tracking: FakeTracking,
        alice: Principal,
        jobs: JobService,
        job_of: Callable[..., Job],
        is_refused: Callable[[LoggedModel], None],
    ) -> None:
        job = job_of(alice, "churn")
        run_id = tracking.log_run("an experiment of the script's own", tags={JOB_TAG: job.job_id})
        model = tracking.log_model(run_id, "model", {"model.pkl": b"x"})
        is_refused(model)
        jobs.cancel(alice, job.job_id)
        assert register(registration, alice, run_id).run_id == run_id

    def test_a_model_that_such_a_job_logged_outside_of_a_run_is_not_there(
        self,
        registration: Registration,
        tracking: FakeTracking,
        alice: Principal,
        stranger: Principal,
        jobs: JobService,
        job_of: Callable[..., Job],
    ) -> None:
        job = job_of(alice, "churn")
        tags = {JOB_TAG: job.job_id}
        model = tracking.log_model(None, "model", {"model.pkl": b"x"}, tags=tags)
        with pytest.raises(NotFound, match=f"has no model '{model.uri}'"):
            register(registration, stranger, model.model_id)
        jobs.cancel(alice, job.job_id)
        assert register(registration, alice, model.model_id).version == 1

    def test_a_run_in_an_experiment_that_only_anothers_jobs_use_is_not_there(
        self,
        tracking: FakeTracking,
        alice: Principal,
        job_of: Callable[..., Job],
        is_refused: Callable[[LoggedModel], None],
    ) -> None:
        job_of(alice, "fraud")
        is_refused(tracking.log_model(tracking.log_run("fraud"), "model", {"model.pkl": b"x"}))

    @pytest.fixture
    def job_of(self, jobs: JobService) -> Callable[..., Job]:
        """A job that trains."""

        def make(principal: Principal, experiment_name: str) -> Job:
            name = mirror_name(principal.tenant_id, experiment_name)
            return jobs.create(principal, kind=TRAINING, model_name="iris", request={}, experiment_name=name)

        return make


class TestWhatIsNobodys:
    def test_a_run_that_no_job_made_is_whose_version_is_first(
        self, registration: Registration, tracking: FakeTracking, alice: Principal, stranger: Principal
    ) -> None:
        run_id = tracking.log_run("notebook")
        tracking.log_model(run_id, "model", {"model.pkl": b"x"})
        assert register(registration, stranger, run_id).tenant_id == stranger.tenant_id
        with pytest.raises(NotFound):
            register(registration, alice, run_id)

    def test_of_two_tenants_that_register_one_run_at_once_one_has_it(
        self, registry: RegistryService, tracking: FakeTracking, alice: Principal, stranger: Principal
    ) -> None:
        both = Barrier(2)

        def attempt(principal: Principal, logged: LoggedModel) -> Version | NotFound:
            both.wait()
            try:
                return registry.register(principal, model_name="iris", logged=logged)
            except NotFound as exc:
                return exc

        with ThreadPoolExecutor(2) as pool:
            for _ in range(10):
                logged = tracking.log_model(tracking.log_run("notebook"), "model", {"model.pkl": b"x"})
                given = list(pool.map(attempt, (alice, stranger), (logged, logged)))
                assert len([one for one in given if isinstance(one, NotFound)]) == 1

    def test_who_comes_second_is_refused_in_the_transaction_that_would_make_the_version(
        self, registry: RegistryService, database: Database, tracking: FakeTracking, alice: Principal
    ) -> None:
        logged = tracking.log_model(tracking.log_run("notebook"), "model", {"model.pkl": b"x"})
        version = registry.register(alice, model_name="iris", logged=logged)
        source = {"model_uri": version.model_uri, "artifact_uri": version.artifact_uri}
        with database.write() as connection:
            lock_source(connection, alice.tenant_id, run_id=version.run_id, **source)
            with pytest.raises(NotFound, match=f"has no model '{version.model_uri}'"):
                lock_source(connection, "elsewhere", run_id=version.run_id, **source)
            with pytest.raises(NotFound):
                lock_source(connection, "elsewhere", run_id=None, **source)


class TestPatience:
    def test_a_clock_that_jumps_back_does_not_make_anybody_wait_longer(
        self, registration: Registration, clock: ManualClock, alice: Principal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        waited: list[float] = []
        monkeypatch.setattr(clock, "sleep", waited.append)
        moments = iter([3600.0, 0.0])
        start = clock.now()
        monkeypatch.setattr(clock, "now", lambda: start.fromtimestamp(next(moments), start.tzinfo))
        with pytest.raises(NotFound):
            register(registration, alice, NOBODYS_RUN)
        assert 0 < waited[0] <= 0.5
