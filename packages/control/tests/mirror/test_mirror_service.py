"""What the outbox's messages bring up to date: always the state of now."""

from collections.abc import Callable

import pytest
from mirror_desk import Desk
from sqlalchemy import update

from modelyard.adapters.clock.manual import ManualClock
from modelyard.adapters.tracking.fake import FakeTracking
from modelyard.adapters.tracking.fake_registry import FakeRegisteredModels
from modelyard.db import Database
from modelyard.mirror.parts import MirrorParts
from modelyard.outbox.delivery import OutboxDelivery
from modelyard.ports.tracking import LoggedModel
from modelyard.principals import Principal
from modelyard.registry.domain import Version
from modelyard.registry.service import RegistryService
from modelyard.registry.states import Stage
from modelyard.registry.tables import models, versions

LogModel = Callable[..., LoggedModel]


class Crash(BaseException):
    """What `kill -9` looks like from inside."""


def delete(database: Database, clock: ManualClock, *, with_model: bool = False) -> None:
    """Delete all versions, as our tables note it."""
    with database.write() as connection:
        for table in [versions, models] if with_model else [versions]:
            connection.execute(update(table).values(deleted_at=clock.now()))


class TestVersions:
    def test_a_new_one_is_shown_once_it_is_committed(
        self, parts: MirrorParts, registered: FakeRegisteredModels, delivery: OutboxDelivery, version: Version
    ) -> None:
        assert registered.version("iris", 1) is None
        assert delivery.deliver_due() == 1
        shown = registered.version("iris", 1)
        assert shown is not None
        assert (shown.source, shown.run_id) == (version.model_uri, version.run_id)
        assert shown.tags == {
            "by": "me",
            "modelyard.version": "1",
            "modelyard.stage": "none",
            "modelyard.manifest": version.manifest_digest,
        }

    def test_a_tracker_that_is_away_delays_the_mirror_and_nothing_else(
        self,
        parts: MirrorParts,
        registry: RegistryService,
        alice: Principal,
        tracking: FakeTracking,
        registered: FakeRegisteredModels,
        delivery: OutboxDelivery,
        clock: ManualClock,
        version: Version,
    ) -> None:
        tracking.is_available = False
        assert delivery.deliver_due() == 0
        assert registry.version(alice, "iris") == version
        tracking.is_available = True
        clock.sleep(1)
        assert delivery.deliver_due() == 1
        assert registered.version("iris", 1) is not None

    def test_the_number_of_ours_is_reported_by_a_tag_where_mlflow_counts_otherwise(
        self,
        parts: MirrorParts,
        registered: FakeRegisteredModels,
        delivery: OutboxDelivery,
        desk: Desk,
        version: Version,
    ) -> None:
        registered.make_model("iris")
        for _ in range(2):
            registered.drop_version("iris", registered.register("iris", "runs:/x/y").number)
        delivery.deliver_due()
        desk.move(1, Stage.STAGING)
        delivery.deliver_due()
        (shown,) = registered.versions("iris")
        assert (shown.number, shown.tags["modelyard.version"]) == (3, "1")
        found = registered.model("iris")
        assert found is not None
        assert found.aliases == {"staging": 3}

    def test_one_whose_logged_model_is_gone_does_not_hold_up_the_outbox(
        self,
        parts: MirrorParts,
        registry: RegistryService,
        alice: Principal,
        tracking: FakeTracking,
        registered: FakeRegisteredModels,
        delivery: OutboxDelivery,
        log_model: LogModel,
    ) -> None:
        lost = registry.register(alice, model_name="iris", logged=log_model())
        registry.register(alice, model_name="iris", logged=log_model())
        tracking.forget(lost.model_uri)
        assert delivery.deliver_due() == 2
        (shown,) = registered.versions("iris")
        assert shown.tags["modelyard.version"] == "2"

    def test_a_crash_after_the_tracker_was_written_makes_no_second_one(
        self, parts: MirrorParts, registered: FakeRegisteredModels, version: Version, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def crash(*_: object, **__: object) -> None:
            raise Crash

        with monkeypatch.context() as patched:
            patched.setattr("modelyard.mirror.store.put_link", crash)
            with pytest.raises(Crash):
                parts.service.show("default", "iris", 1)
        parts.service.show("default", "iris", 1)
        assert len(list(registered.versions("iris"))) == 1

    def test_texts_that_mlflow_cannot_hold_are_cut_and_stay_equal(
        self,
        parts: MirrorParts,
        registry: RegistryService,
        alice: Principal,
        registered: FakeRegisteredModels,
        desk: Desk,
        log_model: LogModel,
    ) -> None:
        tags = {"long": "x" * 6000, "../odd": "y", "mlflow.x": "z", "modelyard.version": "77"}
        registry.register(alice, model_name="iris", logged=log_model(), description="d" * 9000, tags=tags)
        parts.service.show("default", "iris", 1)
        (shown,) = registered.versions("iris")
        assert (len(shown.description), len(shown.tags["long"])) == (5000, 5000)
        assert shown.tags["modelyard.version"] == "1"
        assert desk.kinds() == ["unshowable"]


class TestStages:
    def test_the_aliases_follow_every_change_of_stage(
        self,
        parts: MirrorParts,
        registry: RegistryService,
        alice: Principal,
        registered: FakeRegisteredModels,
        delivery: OutboxDelivery,
        desk: Desk,
        log_model: LogModel,
    ) -> None:
        def aliases() -> dict[str, int]:
            while delivery.deliver_due():
                pass
            found = registered.model("iris")
            assert found is not None
            return dict(found.aliases)

        for _ in range(2):
            registry.register(alice, model_name="iris", logged=log_model())
        desk.move(1, Stage.STAGING)
        assert aliases() == {"staging": 1}
        desk.move(1, Stage.PRODUCTION)
        assert aliases() == {"production": 1}
        desk.move(2, Stage.STAGING)
        assert aliases() == {"production": 1, "staging": 2}
        desk.move(2, Stage.PRODUCTION)
        assert aliases() == {"production": 2}
        desk.move(2, Stage.ARCHIVED)
        assert aliases() == {}

    def test_messages_in_any_order_and_number_end_in_the_state_of_now(
        self, parts: MirrorParts, registered: FakeRegisteredModels, desk: Desk, version: Version
    ) -> None:
        payload = {"tenant_id": "default", "model_name": "iris", "version": 1}
        desk.move(1, Stage.STAGING, Stage.PRODUCTION)
        for _ in range(3):
            parts.service.deliver(payload)
        desk.move(1, Stage.ARCHIVED)
        parts.service.deliver({"tenant_id": "default", "model_name": "iris"})
        parts.service.deliver(payload)
        found, shown = registered.model("iris"), registered.version("iris", 1)
        assert found is not None
        assert shown is not None
        assert (found.aliases, shown.tags["modelyard.stage"]) == ({}, "archived")

    def test_one_that_changes_while_it_is_written_is_written_again(
        self,
        parts: MirrorParts,
        registered: FakeRegisteredModels,
        desk: Desk,
        version: Version,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        desk.move(1, Stage.STAGING)
        set_alias = registered.set_alias

        def meanwhile(name: str, alias: str, number: int | None) -> None:
            monkeypatch.undo()
            desk.move(1, Stage.NONE)
            parts.service.show("default", "iris", 1)
            set_alias(name, alias, number)

        monkeypatch.setattr(registered, "set_alias", meanwhile)
        parts.service.show("default", "iris", 1)
        found = registered.model("iris")
        assert found is not None
        assert found.aliases == {}

    def test_aliases_of_other_names_are_other_peoples(
        self, parts: MirrorParts, registered: FakeRegisteredModels, version: Version
    ) -> None:
        parts.service.show("default", "iris", 1)
        registered.set_alias("iris", "champion", 1)
        parts.service.show("default", "iris", 1)
        found = registered.model("iris")
        assert found is not None
        assert found.aliases == {"champion": 1}


class TestDeletion:
    def test_a_version_that_is_gone_before_it_was_shown_is_left_out(
        self,
        parts: MirrorParts,
        registered: FakeRegisteredModels,
        delivery: OutboxDelivery,
        database: Database,
        clock: ManualClock,
        version: Version,
    ) -> None:
        delete(database, clock)
        assert delivery.deliver_due() == 1
        assert list(registered.versions("iris")) == []

    def test_the_mirror_of_a_deleted_version_goes_and_of_a_deleted_model_too(
        self,
        parts: MirrorParts,
        registered: FakeRegisteredModels,
        database: Database,
        clock: ManualClock,
        version: Version,
    ) -> None:
        parts.service.show("default", "iris", 1)
        delete(database, clock)
        parts.service.show("default", "iris", 1)
        assert registered.model("iris") is not None
        assert list(registered.versions("iris")) == []
        delete(database, clock, with_model=True)
        parts.service.show("default", "iris")
        assert registered.model("iris") is None

    def test_one_that_was_released_stays_and_is_nobodys_drift(
        self,
        parts: MirrorParts,
        registered: FakeRegisteredModels,
        desk: Desk,
        database: Database,
        clock: ManualClock,
        version: Version,
    ) -> None:
        parts.service.show("default", "iris", 1)
        delete(database, clock, with_model=True)
        with database.write() as connection:
            parts.service.release(connection, "default", "iris", 1)
        parts.service.show("default", "iris", 1)
        assert (desk.repair(), desk.take_over()) == ([], [])
        assert len(list(registered.versions("iris"))) == 1

    def test_a_crash_before_the_link_was_written_leaves_nothing_behind_either(
        self,
        parts: MirrorParts,
        registered: FakeRegisteredModels,
        database: Database,
        clock: ManualClock,
        version: Version,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def crash(*_: object, **__: object) -> None:
            raise Crash

        with monkeypatch.context() as patched:
            patched.setattr("modelyard.mirror.store.put_link", crash)
            with pytest.raises(Crash):
                parts.service.show("default", "iris", 1)
        delete(database, clock)
        parts.service.show("default", "iris", 1)
        assert list(registered.versions("iris")) == []
