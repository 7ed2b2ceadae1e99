"""The catalogue: versions that are numbered once, known by their files, and shown in the tracker."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select, update

from modelyard.adapters.clock.manual import ManualClock
from modelyard.adapters.tracking.fake import FakeTracking
from modelyard.audit.service import AuditLog
from modelyard.audit.tables import audit_entries
from modelyard.db import Database
from modelyard.errors import Invalid, NotFound, Unavailable
from modelyard.ports.tracking import LoggedModel
from modelyard.principals import Principal
from modelyard.registry.domain import FileEntry, Version
from modelyard.registry.provenance import Provenance, Source
from modelyard.registry.service import RegistryService
from modelyard.registry.states import Stage
from modelyard.registry.tables import models, versions

LogModel = Callable[..., LoggedModel]


class TestRegister:
    def test_the_first_version_of_a_name_makes_the_model(
        self, registry: RegistryService, alice: Principal, version: Version, audit: AuditLog
    ) -> None:
        assert (version.model_name, version.version, version.stage) == ("iris", 1, Stage.NONE)
        assert registry.model(alice, "iris").latest_version == 1
        assert [entry.action for entry in audit.entries(alice.tenant_id)] == ["model.created", "version.registered"]

    def test_what_the_run_logged_becomes_part_of_it(self, version: Version, clock: ManualClock) -> None:
        assert (version.metrics, version.parameters, version.tags) == ({"auc": 0.9}, {"depth": 3}, {"by": "me"})
        assert (version.experiment_name, version.created_by, version.created_at) == ("iris", "alice", clock.now())
        assert version.run_id is not None

    def test_tags_that_are_given_stand_over_those_of_the_run(
        self, registry: RegistryService, alice: Principal, log_model: LogModel
    ) -> None:
        version = registry.register(alice, model_name="iris", logged=log_model(), tags={"by": "hand"})
        assert version.tags == {"by": "hand"}

    def test_metrics_that_are_given_are_claims_and_replace_none_that_was_measured(
        self, registry: RegistryService, alice: Principal, log_model: LogModel
    ) -> None:
        version = registry.register(alice, model_name="iris", logged=log_model(), metrics={"auc": 1.0, "f1": 0.5})
        assert (version.metrics, version.measured_metrics) == ({"auc": 0.9, "f1": 0.5}, {"auc": 0.9})
        assert version.claimed_metrics == {"auc": 1.0, "f1": 0.5}
        assert registry.version(alice, "iris", 1) == version

    def test_a_claim_that_the_run_has_measured_so_is_measured(
        self, registry: RegistryService, alice: Principal, log_model: LogModel
    ) -> None:
        version = registry.register(alice, model_name="iris", logged=log_model(), metrics={"auc": 0.9})
        assert (version.claimed_metrics, version.measured_metrics) == ({}, {"auc": 0.9})

    def test_parameters_are_added_and_none_that_the_run_logged_is_contradicted(
        self, registry: RegistryService, alice: Principal, log_model: LogModel
    ) -> None:
        logged = log_model()
        version = registry.register(alice, model_name="iris", logged=logged, parameters={"depth": 3, "rate": 0.05})
        assert version.parameters == {"depth": 3, "rate": 0.05}
        with pytest.raises(Invalid, match=r"parameters\.depth: expected 3, as the run logged it, or none, got 4"):
            registry.register(alice, model_name="iris", logged=logged, parameters={"depth": 4})

    def test_tags_in_the_platforms_name_that_a_run_carries_are_no_facts(
        self, registry: RegistryService, alice: Principal, tracking: FakeTracking
    ) -> None:
        tags = {"modelyard.script_sha256": "f" * 64, "modelyard.anything": "x", "by": "me"}
        logged = tracking.log_model(tracking.log_run("iris", tags=tags), "model", {"model.pkl": b"x"})
        version = registry.register(alice, model_name="iris", logged=logged)
        assert (version.tags, version.provenance) == ({"by": "me"}, Provenance(source=Source.RUN))
        assert registry.versions_from(alice, script_sha256="f" * 64, limit=1) == []

    def test_a_metric_that_is_no_number_is_null(
        self, registry: RegistryService, alice: Principal, log_model: LogModel
    ) -> None:
        logged = log_model(metrics={"auc": float("nan"), "loss": float("inf"), "f1": 0.5})
        version = registry.register(alice, model_name="iris", logged=logged)
        assert registry.version(alice, "iris").metrics == version.metrics == {"auc": None, "loss": None, "f1": 0.5}

    def test_words_that_a_database_cannot_hold_are_shown_as_replaced(
        self, registry: RegistryService, alice: Principal, tracking: FakeTracking
    ) -> None:
        run_id = tracking.log_run("iris", parameters={"p\x00": "\ud800"}, tags={"t": "a\x00b"})
        logged = tracking.log_model(run_id, "model", {"model.pkl": b"x"})
        version = registry.register(alice, model_name="iris", logged=logged)
        assert (version.parameters, version.tags) == ({"p\ufffd": "\ufffd"}, {"t": "a\ufffdb"})

    def test_the_manifest_names_every_file_with_its_hash(
        self, registry: RegistryService, alice: Principal, tracking: FakeTracking
    ) -> None:
        run_id = tracking.log_run("iris")
        logged = tracking.log_model(run_id, "model", {"code/a.py": b"", "model.pkl": b"abc"})
        version = registry.register(alice, model_name="iris", logged=logged)
        manifest = registry.manifest(version)
        assert manifest.files == (
            FileEntry("code/a.py", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", 0),
            FileEntry("model.pkl", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", 3),
        )
        assert (version.manifest_digest, version.size) == (manifest.digest, 3)

    @pytest.mark.parametrize("files", [{}, {"MLmodel": b"["}, {"a\nb": b""}])
    def test_what_cannot_be_a_version_is_refused_and_uses_no_number(
        self,
        registry: RegistryService,
        alice: Principal,
        tracking: FakeTracking,
        log_model: LogModel,
        files: dict[str, bytes],
    ) -> None:
        broken = tracking.log_model(tracking.log_run("iris"), "model", files)
        with pytest.raises(Invalid):
            registry.register(alice, model_name="iris", logged=broken)
        assert registry.register(alice, model_name="iris", logged=log_model()).version == 1

    def test_a_tracker_that_is_away_leaves_nothing_half_done(
        self, registry: RegistryService, alice: Principal, tracking: FakeTracking, log_model: LogModel
    ) -> None:
        logged = log_model()
        tracking.is_available = False
        with pytest.raises(Unavailable):
            registry.register(alice, model_name="iris", logged=logged)
        with pytest.raises(NotFound):
            registry.model(alice, "iris")


class TestNumbers:
    def test_many_that_register_at_once_lose_none_reuse_none_and_skip_none(
        self, make_registry: Callable[[], RegistryService], alice: Principal, log_model: LogModel
    ) -> None:
        logged = [log_model() for _ in range(16)]
        together = threading.Barrier(16)

        def register(one: LoggedModel) -> int:
            together.wait()
            return make_registry().register(alice, model_name="iris", logged=one).version

        with ThreadPoolExecutor(16) as pool:
            numbers = list(pool.map(register, logged))
        assert sorted(numbers) == list(range(1, 17))
        stored = make_registry().versions(alice, "iris")
        assert [version.version for version in stored] == list(range(16, 0, -1))
        assert {version.model_uri for version in stored} == {one.uri for one in logged}

    def test_the_number_of_a_deleted_version_is_not_used_again(
        self,
        registry: RegistryService,
        database: Database,
        clock: ManualClock,
        alice: Principal,
        version: Version,
        log_model: LogModel,
    ) -> None:
        with database.write() as connection:
            connection.execute(update(versions).values(deleted_at=clock.now()))
        with pytest.raises(NotFound):
            registry.version(alice, "iris", 1)
        assert registry.model(alice, "iris").latest_version is None
        assert registry.register(alice, model_name="iris", logged=log_model()).version == 2

    def test_a_model_that_was_deleted_comes_back_without_its_old_numbers(
        self,
        registry: RegistryService,
        database: Database,
        clock: ManualClock,
        alice: Principal,
        version: Version,
        log_model: LogModel,
    ) -> None:
        delete_all(database, clock)
        with pytest.raises(NotFound):
            registry.model(alice, "iris")
        assert registry.register(alice, model_name="iris", logged=log_model()).version == 2
        assert [one.version for one in registry.versions(alice, "iris")] == [2]

    def test_a_model_that_was_deleted_begins_anew_and_the_log_tells_it(
        self, registry: RegistryService, database: Database, clock: ManualClock, alice: Principal, log_model: LogModel
    ) -> None:
        registry.create(alice, "iris", description="of the last project", tags={"team": "old"})
        delete_all(database, clock)
        registry.register(alice, model_name="iris", logged=log_model())
        model = registry.model(alice, "iris")
        assert (model.description, model.tags) == ("", {})
        with database.read() as connection:
            log = select(audit_entries.c.action).order_by(audit_entries.c.sequence)
            assert connection.execute(log).scalars().all() == ["model.created", "model.created", "version.registered"]

    def test_tenants_count_apart(
        self, registry: RegistryService, stranger: Principal, version: Version, log_model: LogModel
    ) -> None:
        assert registry.register(stranger, model_name="iris", logged=log_model()).version == 1

    def test_two_versions_in_production_are_refused_by_the_database_itself(
        self, registry: RegistryService, database: Database, alice: Principal, version: Version, log_model: LogModel
    ) -> None:
        registry.register(alice, model_name="iris", logged=log_model())
        with pytest.raises(Exception, match=r"(?i)unique"), database.write() as connection:
            connection.execute(update(versions).values(stage=Stage.PRODUCTION))


def delete_all(database: Database, clock: ManualClock) -> None:
    """What a deletion writes at its end."""
    with database.write() as connection:
        connection.execute(update(versions).values(deleted_at=clock.now()))
        connection.execute(update(models).values(deleted_at=clock.now()))


class TestJobs:
    def test_the_same_job_twice_is_one_version(
        self, registry: RegistryService, alice: Principal, log_model: LogModel, audit: AuditLog
    ) -> None:
        logged = log_model()
        first = registry.register(alice, model_name="iris", logged=logged, job_id="job-1")
        assert registry.register(alice, model_name="iris", logged=logged, job_id="job-1") == first
        assert len(audit.entries(alice.tenant_id)) == 2

    def test_the_same_job_many_times_at_once_is_one_version(
        self, make_registry: Callable[[], RegistryService], alice: Principal, log_model: LogModel
    ) -> None:
        logged, together = log_model(), threading.Barrier(8)

        def register(_: int) -> int:
            together.wait()
            return make_registry().register(alice, model_name="iris", logged=logged, job_id="job-1").version

        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(register, range(8))) == {1}
        assert make_registry().register(alice, model_name="iris", logged=logged).version == 2


class TestReading:
    def test_without_a_number_it_is_the_newest(
        self, registry: RegistryService, alice: Principal, version: Version, log_model: LogModel
    ) -> None:
        newer = registry.register(alice, model_name="iris", logged=log_model())
        assert registry.version(alice, "iris") == newer
        assert registry.version(alice, "iris", 1) == version

    def test_what_is_not_there_is_named(self, registry: RegistryService, alice: Principal, version: Version) -> None:
        with pytest.raises(NotFound, match="there is no model 'other'"):
            registry.version(alice, "other")
        with pytest.raises(NotFound, match="model 'iris' has no version 7"):
            registry.version(alice, "iris", 7)

    def test_a_tenant_neither_sees_nor_guesses_anothers_models(
        self, registry: RegistryService, stranger: Principal, version: Version
    ) -> None:
        for look in (registry.version, registry.versions, registry.model):
            with pytest.raises(NotFound):
                look(stranger, "iris")
        assert registry.models(stranger).items == []
        assert registry.count(stranger) == 0

    def test_a_model_tells_its_versions_that_stand_for_it(
        self, registry: RegistryService, database: Database, alice: Principal, log_model: LogModel
    ) -> None:
        for stage in (Stage.ARCHIVED, Stage.PRODUCTION, Stage.STAGING, Stage.NONE):
            number = registry.register(alice, model_name="iris", logged=log_model()).version
            with database.write() as connection:
                connection.execute(update(versions).where(versions.c.version == number).values(stage=stage))
        model = registry.model(alice, "iris")
        assert (model.latest_version, model.production_version, model.staging_version) == (4, 2, 3)

    def test_pages_give_every_model_once_by_name(
        self, registry: RegistryService, alice: Principal, log_model: LogModel
    ) -> None:
        names = ["beta", "alpha", "gamma", "alpha-2", "a"]
        for name in names:
            registry.register(alice, model_name=name, logged=log_model())
        seen: list[str] = []
        cursor = None
        for _ in range(3):
            page = registry.models(alice, limit=2, cursor=cursor)
            seen += [model.name for model in page.items]
            cursor = page.next_cursor
        assert cursor is None
        assert seen == sorted(names)
        assert registry.count(alice) == 5
