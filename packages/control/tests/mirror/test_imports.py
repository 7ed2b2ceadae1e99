"""What people register in the tracker becomes a version of ours, once, and what cannot be is reported."""

import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from mirror_desk import Desk
from sqlalchemy import update

from modelyard.access.quotas import Quotas, Resource
from modelyard.access.tenants import Tenants
from modelyard.adapters.clock.manual import ManualClock
from modelyard.adapters.tracking.fake import FakeTracking
from modelyard.adapters.tracking.fake_registry import FakeRegisteredModels
from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.errors import Unavailable
from modelyard.mirror.parts import MirrorParts
from modelyard.mirror.places import Place
from modelyard.outbox.delivery import OutboxDelivery
from modelyard.ports.registered_models import ShownVersion
from modelyard.ports.tracking import LoggedModel
from modelyard.principals import Principal
from modelyard.registry.domain import Version
from modelyard.registry.service import RegistryService
from modelyard.registry.states import Stage
from modelyard.registry.tables import versions

LogModel = Callable[..., LoggedModel]
IRIS = Place("default", "iris", "iris")


class Crash(BaseException):
    """What `kill -9` looks like from inside."""


class TestImport:
    def test_a_registered_version_becomes_ours_with_all_that_is_said_of_it(
        self,
        desk: Desk,
        registry: RegistryService,
        admin: Principal,
        registered: FakeRegisteredModels,
        delivery: OutboxDelivery,
        audit: AuditLog,
        log_model: LogModel,
    ) -> None:
        logged = log_model()
        registered.make_model("iris")
        registered.describe_model("iris", "Irises.")
        registered.tag_model("iris", "team", "red")
        registered.register("iris", logged.uri, run_id=logged.run_id, description="Good.", tags={"seen": "yes"})
        (outcome,) = desk.take_over()
        assert outcome.is_settled
        version = registry.version(admin, "iris", 1)
        assert (version.model_uri, version.description, version.created_by) == (logged.uri, "Good.", "ada")
        assert version.tags == {"by": "me", "seen": "yes"}
        assert version.metrics == {"auc": 0.9}
        model = registry.model(admin, "iris")
        assert (model.description, model.tags) == ("Irises.", {"team": "red"})
        while delivery.deliver_due():
            pass
        assert desk.report() == []
        (shown,) = registered.versions("iris")
        assert (shown.number, shown.tags["modelyard.version"]) == (1, "1")
        (entry,) = [each for each in audit.entries("default") if each.action == "version.imported"]
        assert entry.after == {"mlflow_name": "iris", "mlflow_version": 1, "source": logged.uri}

    def test_our_numbers_are_ours(
        self,
        desk: Desk,
        registry: RegistryService,
        admin: Principal,
        registered: FakeRegisteredModels,
        log_model: LogModel,
        version: Version,
    ) -> None:
        logged = log_model()
        registered.register("iris", logged.uri, run_id=logged.run_id)
        desk.take_over()
        desk.repair()
        theirs = registry.version(admin, "iris", 2)
        assert theirs.model_uri == logged.uri
        numbers = {shown.number: shown.tags["modelyard.version"] for shown in registered.versions("iris")}
        assert numbers == {1: "2", 2: "1"}
        assert desk.report() == []

    def test_a_copy_within_mlflow_is_a_version_of_its_own_under_the_new_name(
        self,
        desk: Desk,
        registry: RegistryService,
        admin: Principal,
        registered: FakeRegisteredModels,
        version: Version,
    ) -> None:
        desk.repair()
        mirror = registered.version("iris", 1)
        assert mirror is not None
        registered.register("roses", "models:/iris/1", run_id=mirror.run_id, tags=mirror.tags)
        registered.register("iris", "models:/iris/1", run_id=mirror.run_id, tags=mirror.tags)
        assert all(outcome.is_settled for outcome in desk.take_over())
        desk.repair()
        assert registry.version(admin, "roses", 1).manifest_digest == version.manifest_digest
        assert registry.version(admin, "iris", 2).manifest_digest == version.manifest_digest
        assert "modelyard.version" not in registry.version(admin, "iris", 2).tags
        assert desk.report() == []

    def test_an_alias_that_somebody_set_promotes_nothing(
        self,
        desk: Desk,
        registry: RegistryService,
        admin: Principal,
        registered: FakeRegisteredModels,
        log_model: LogModel,
    ) -> None:
        registered.register("iris", log_model().uri)
        registered.set_alias("iris", "production", 1)
        registered.move("iris", 1, "Production")
        desk.take_over()
        desk.repair()
        assert registry.version(admin, "iris", 1).stage is Stage.NONE
        found, shown = registered.model("iris"), registered.version("iris", 1)
        assert found is not None
        assert shown is not None
        assert (found.aliases, shown.stage) == ({}, "None")

    def test_a_model_of_another_tenant_is_found_by_its_prefix(
        self,
        desk: Desk,
        parts: MirrorParts,
        registry: RegistryService,
        admin: Principal,
        stranger: Principal,
        tenants: Tenants,
        registered: FakeRegisteredModels,
        log_model: LogModel,
    ) -> None:
        tenants.create(admin, tenant_id="elsewhere", name="Elsewhere", admin="eve", quotas=Quotas())
        registered.register("elsewhere--iris", log_model().uri)
        assert desk.take_over() == []
        page = parts.reconciliation.import_all(stranger, limit=50, cursor=None)
        assert page.next_cursor is not None
        page = parts.reconciliation.import_all(stranger, limit=50, cursor=page.next_cursor)
        assert [outcome.is_settled for outcome in page.outcomes] == [True]
        assert registry.version(stranger, "iris", 1).created_by == "mallory"


class TestOnce:
    def test_a_second_import_imports_nothing(
        self, desk: Desk, registered: FakeRegisteredModels, log_model: LogModel
    ) -> None:
        registered.register("iris", log_model().uri)
        assert len(desk.take_over()) == 1
        assert desk.take_over() == []

    def test_our_own_mirror_is_no_import_also_without_its_marks(
        self, desk: Desk, registered: FakeRegisteredModels, version: Version
    ) -> None:
        desk.repair()
        for key in ("modelyard.version", "modelyard.stage", "modelyard.manifest"):
            registered.tag_version("iris", 1, key, None)
        assert desk.take_over() == []

    def test_a_crash_before_the_marks_were_written_imports_no_second_one(
        self,
        desk: Desk,
        registry: RegistryService,
        admin: Principal,
        registered: FakeRegisteredModels,
        log_model: LogModel,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        registered.register("iris", log_model().uri)

        def crash(*_: object, **__: object) -> None:
            raise Crash

        with monkeypatch.context() as patched:
            patched.setattr("modelyard.mirror.store.drop_refusal", crash)  # The first that follows the transaction.
            with pytest.raises(Crash):
                desk.take_over()
        assert desk.take_over() == []
        assert registry.model(admin, "iris").latest_version == 1
        desk.repair()
        assert desk.report() == []

    def test_many_that_import_at_once_make_one(
        self,
        make_mirror: Callable[[], MirrorParts],
        registry: RegistryService,
        admin: Principal,
        registered: FakeRegisteredModels,
        log_model: LogModel,
    ) -> None:
        for _ in range(3):
            registered.register("iris", log_model().uri)
        together = threading.Barrier(4)

        def take_over() -> int:
            parts = make_mirror()
            together.wait()
            return sum(outcome.version is not None for outcome in parts.reconciliation.settle(IRIS))

        with ThreadPoolExecutor(4) as pool:
            made = [task.result() for task in [pool.submit(take_over) for _ in range(4)]]
        assert sum(made) == 3
        assert [version.version for version in registry.versions(admin, "iris")] == [3, 2, 1]

    def test_what_we_deleted_is_not_imported_again(
        self,
        desk: Desk,
        registry: RegistryService,
        registered: FakeRegisteredModels,
        log_model: LogModel,
        database: Database,
        clock: ManualClock,
    ) -> None:
        registered.register("iris", log_model().uri)
        desk.take_over()
        with database.write() as connection:
            connection.execute(update(versions).values(deleted_at=clock.now()))
        assert desk.take_over() == []
        desk.repair()
        assert list(registered.versions("iris")) == []

    def test_a_name_that_counts_from_one_again_is_another(
        self,
        desk: Desk,
        registry: RegistryService,
        admin: Principal,
        registered: FakeRegisteredModels,
        log_model: LogModel,
    ) -> None:
        first, second = log_model(), log_model()
        registered.register("iris", first.uri)
        desk.take_over()
        registered.drop_model("iris")
        registered.register("iris", second.uri)
        desk.take_over()
        desk.repair()
        assert [version.model_uri for version in registry.versions(admin, "iris")] == [second.uri, first.uri]
        assert {shown.source for shown in registered.versions("iris")} == {first.uri, second.uri}
        assert desk.report() == []


class TestNames:
    @pytest.mark.parametrize(
        "name", ["My Model", "my_model", "default--iris", "nobody--iris", "--x", 'it\'s "5%"', "größe=\u2028"]
    )
    def test_what_mlflow_took_is_imported_under_its_own_name_and_mirrored_there(
        self,
        desk: Desk,
        registry: RegistryService,
        admin: Principal,
        registered: FakeRegisteredModels,
        log_model: LogModel,
        name: str,
    ) -> None:
        registered.register(name, log_model().uri)
        (outcome,) = desk.take_over()
        assert outcome.is_settled
        assert registry.model(admin, name).mirror_name == name
        desk.repair()
        assert desk.report() == []
        assert [model.name for model in registered.page().models] == [name]

    @pytest.mark.parametrize(("name", "taken"), [("a:b", "a-b"), ("x\ty", "x-y"), ("y" * 256, "y" * 255)])
    def test_what_no_model_of_ours_may_be_called_is_imported_under_another_name(
        self,
        desk: Desk,
        registry: RegistryService,
        admin: Principal,
        registered: FakeRegisteredModels,
        log_model: LogModel,
        name: str,
        taken: str,
    ) -> None:
        registered.register(name, log_model().uri)
        desk.take_over()
        desk.repair()
        assert (registry.model(admin, taken).mirror_name, desk.report()) == (name, [])

    def test_two_names_that_would_meet_are_two_models(
        self,
        desk: Desk,
        registry: RegistryService,
        admin: Principal,
        registered: FakeRegisteredModels,
        log_model: LogModel,
    ) -> None:
        for name in ("a-b", "a:b"):
            registered.register(name, log_model().uri)
        desk.take_over()
        models = {model.mirror_name: model for model in registry.models(admin).items}
        assert models.keys() == {"a-b", "a:b"}
        assert models["a-b"].name == "a-b"
        assert re.fullmatch(r"a-b-[0-9a-f]{8}", models["a:b"].name)

    def test_a_new_models_mirror_is_never_one_that_was_imported(
        self,
        desk: Desk,
        registry: RegistryService,
        admin: Principal,
        stranger: Principal,
        tenants: Tenants,
        registered: FakeRegisteredModels,
        log_model: LogModel,
    ) -> None:
        registered.register("elsewhere--iris", log_model().uri)
        desk.take_over()
        tenants.create(admin, tenant_id="elsewhere", name="Elsewhere", admin="eve", quotas=Quotas())
        registry.register(stranger, model_name="iris", logged=log_model())
        assert re.fullmatch("elsewhere--iris-[0-9a-f]{8}", registry.model(stranger, "iris").mirror_name)
        assert registry.model(admin, "elsewhere--iris").mirror_name == "elsewhere--iris"


class TestRefusals:
    def test_a_name_that_is_longer_than_mlflows_column_is_reported(
        self, desk: Desk, registered: FakeRegisteredModels, log_model: LogModel
    ) -> None:
        registered.register("x" * 257, log_model().uri)
        (outcome,) = desk.take_over()
        assert (outcome.is_settled, outcome.drift.kind) == (False, "refused")
        assert outcome.drift.reason == "its name has 257 characters, expected at most 256"

    @pytest.mark.parametrize("source", ["s3://bucket/model", "/etc/passwd", "models:/nosuch/1", "http://a.example/x"])
    def test_a_source_that_is_no_logged_model_is_reported_and_not_fetched(
        self, desk: Desk, registered: FakeRegisteredModels, source: str
    ) -> None:
        registered.register("iris", source)
        (outcome,) = desk.take_over()
        assert (outcome.is_settled, outcome.drift.kind) == (False, "refused")
        assert desk.report() == [outcome.drift.reason]

    @pytest.mark.parametrize("is_in_run", [True, False])
    def test_another_tenants_run_is_refused_as_one_that_is_not_there(
        self,
        desk: Desk,
        registry: RegistryService,
        registered: FakeRegisteredModels,
        stranger: Principal,
        log_model: LogModel,
        *,
        is_in_run: bool,
    ) -> None:
        theirs = log_model()
        registry.register(stranger, model_name="theirs", logged=theirs)
        address = f"runs:/{theirs.run_id}/{theirs.name}" if is_in_run else theirs.uri
        registered.register("theirs", address, run_id=theirs.run_id)
        absent = address.replace(theirs.model_id, "m-" + "f" * 32).replace(str(theirs.run_id), "f" * 32)
        registered.register("absent", absent, run_id="f" * 32)
        reported = {outcome.drift.tracker_name: outcome.drift.reason for outcome in desk.take_over()}
        alike = reported["theirs"].replace(theirs.model_id, "m-" + "f" * 32).replace(str(theirs.run_id), "f" * 32)
        assert alike == reported["absent"]

    def test_a_model_without_files_is_reported(
        self, desk: Desk, registered: FakeRegisteredModels, tracking: FakeTracking
    ) -> None:
        empty = tracking.log_model(tracking.log_run("iris"), "model", {})
        registered.register("iris", empty.uri)
        (outcome,) = desk.take_over()
        assert outcome.drift.reason == "the logged model holds no file"

    def test_one_that_is_being_registered_is_reported_and_waited_for(
        self, desk: Desk, registered: FakeRegisteredModels, log_model: LogModel
    ) -> None:
        registered.register("iris", log_model().uri, is_ready=False)
        (outcome,) = desk.take_over()
        assert (outcome.drift.kind, outcome.drift.reason) == ("unimported", "being registered in the tracker")

    def test_a_quota_that_is_used_up_is_reported_and_the_import_works_once_it_is_larger(
        self,
        desk: Desk,
        tenants: Tenants,
        admin: Principal,
        registered: FakeRegisteredModels,
        log_model: LogModel,
    ) -> None:
        tenants.change(admin, "default", name=None, quotas=Quotas({Resource.VERSIONS: 1}))
        for _ in range(2):
            registered.register("iris", log_model().uri)
        assert [outcome.is_settled for outcome in desk.take_over()] == [True, False]
        tenants.change(admin, "default", name=None, quotas=Quotas())
        assert [outcome.is_settled for outcome in desk.take_over()] == [True]
        desk.repair()
        assert desk.report() == []

    def test_nobody_tries_one_again_and_again(
        self,
        parts: MirrorParts,
        registered: FakeRegisteredModels,
        tracking: FakeTracking,
        clock: ManualClock,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        tried: list[ShownVersion] = []
        logged_model = registered.logged_model

        def witnessed(shown: ShownVersion) -> LoggedModel:
            tried.append(shown)
            return logged_model(shown)

        monkeypatch.setattr(registered, "logged_model", witnessed)
        registered.register("iris", "s3://bucket/model")
        for _ in range(3):
            list(parts.reconciliation.settle(IRIS))
        assert len(tried) == 1
        clock.sleep(24 * 3600)
        list(parts.reconciliation.settle(IRIS))
        assert len(tried) == 2

    def test_a_tracker_that_is_away_is_no_refusal(
        self,
        parts: MirrorParts,
        desk: Desk,
        registered: FakeRegisteredModels,
        tracking: FakeTracking,
        log_model: LogModel,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        registered.register("iris", log_model().uri)

        def away(*_: object) -> None:
            raise Unavailable("away", code="tracking_unavailable")

        with monkeypatch.context() as patched:
            patched.setattr(tracking, "download", away)
            with pytest.raises(Unavailable):
                list(parts.reconciliation.settle(IRIS))
        assert desk.kinds() == ["unimported"]
