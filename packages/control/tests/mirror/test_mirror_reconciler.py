"""In the background: what comes is imported, what differs is repaired, by one process at a time."""

from collections.abc import Callable, Iterator

import pytest
from mirror_desk import Desk

from modelyard.access.domain import Principal
from modelyard.adapters.clock.manual import ManualClock
from modelyard.adapters.tracking.fake import FakeTracking
from modelyard.adapters.tracking.fake_registry import FakeRegisteredModels
from modelyard.db import Database
from modelyard.errors import ModelyardError, Unavailable
from modelyard.mirror import store
from modelyard.mirror.parts import MirrorParts
from modelyard.outbox.service import Outbox
from modelyard.ports.registered_models import ShownVersion
from modelyard.ports.tracking import LoggedModel
from modelyard.registry.domain import Version
from modelyard.registry.service import RegistryService

LogModel = Callable[..., LoggedModel]


class TestPasses:
    def test_the_first_looks_at_all(
        self,
        parts: MirrorParts,
        registered: FakeRegisteredModels,
        desk: Desk,
        outbox: Outbox,
        log_model: LogModel,
        version: Version,
    ) -> None:
        registered.register("roses", log_model().uri)
        assert parts.reconciler.pass_once()
        outbox.deliver_due()
        assert desk.report() == []
        assert registered.version("iris", 1) is not None
        assert desk.registry.version(desk.admin, "roses", 1).created_by == "mlflow"

    def test_a_short_one_looks_only_at_what_changed(
        self,
        parts: MirrorParts,
        registered: FakeRegisteredModels,
        desk: Desk,
        log_model: LogModel,
        version: Version,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        for _ in range(2):  # The second sees what the first one wrote.
            parts.reconciler.pass_once()
        looked: list[str] = []
        versions = registered.versions

        def witnessed(name: str, *, after: int = 0) -> Iterator[ShownVersion]:
            looked.append(name)
            return versions(name, after=after)

        monkeypatch.setattr(registered, "versions", witnessed)
        parts.reconciler.pass_once()
        registered.register("roses", log_model().uri)
        parts.reconciler.pass_once()
        assert "iris" not in looked
        assert desk.registry.version(desk.admin, "roses", 1).model_name == "roses"
        looked.clear()
        for _ in range(3):
            parts.reconciler.pass_once()
        assert set(looked) <= {"roses"}

    def test_a_long_one_comes_again_when_it_is_due(
        self, parts: MirrorParts, registered: FakeRegisteredModels, desk: Desk, clock: ManualClock, version: Version
    ) -> None:
        for _ in range(2):
            parts.reconciler.pass_once()
        registered.tag_version("iris", 1, "by", "you")
        parts.reconciler.pass_once()
        assert desk.kinds() == ["tag"]
        clock.sleep(601)
        parts.reconciler.pass_once()
        assert desk.kinds() == []

    def test_a_model_that_cannot_be_settled_holds_up_no_other(
        self,
        parts: MirrorParts,
        registry: RegistryService,
        alice: Principal,
        registered: FakeRegisteredModels,
        log_model: LogModel,
        version: Version,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        registry.register(alice, model_name="roses", logged=log_model())
        model = registered.model

        def broken(name: str) -> object:
            if name == "iris":
                raise ModelyardError("refused", code="tracking_failed")
            return model(name)

        monkeypatch.setattr(registered, "model", broken)
        assert parts.reconciler.pass_once()
        assert registered.version("roses", 1) is not None

    def test_a_tracker_that_is_away_ends_the_pass_and_the_next_looks_at_all(
        self, parts: MirrorParts, registered: FakeRegisteredModels, tracking: FakeTracking, version: Version
    ) -> None:
        tracking.is_available = False
        with pytest.raises(Unavailable):
            parts.reconciler.pass_once()
        tracking.is_available = True
        parts.reconciler.pass_once()
        assert registered.version("iris", 1) is not None


class TestLease:
    def test_while_one_process_has_it_another_waits(
        self,
        make_mirror: Callable[[], MirrorParts],
        database: Database,
        clock: ManualClock,
        registered: FakeRegisteredModels,
        version: Version,
    ) -> None:
        with database.write() as connection:
            until = clock.now().replace(year=clock.now().year + 1)
            assert store.take_lease(connection, name="mirror", holder="other", now=clock.now(), expires_at=until)
        assert not make_mirror().reconciler.pass_once()
        assert registered.model("iris") is None

    def test_one_that_died_with_it_is_waited_for_two_minutes(
        self,
        make_mirror: Callable[[], MirrorParts],
        clock: ManualClock,
        tracking: FakeTracking,
        registered: FakeRegisteredModels,
        version: Version,
    ) -> None:
        dead, alive = make_mirror().reconciler, make_mirror().reconciler
        tracking.is_available = False
        with pytest.raises(Unavailable):
            dead.pass_once()
        tracking.is_available = True
        assert not alive.pass_once()
        clock.sleep(121)
        assert alive.pass_once()
        assert registered.version("iris", 1) is not None

    def test_it_is_given_back(self, make_mirror: Callable[[], MirrorParts]) -> None:
        one, other = make_mirror().reconciler, make_mirror().reconciler
        assert [one.pass_once(), other.pass_once(), one.pass_once()] == [True, True, True]


class TestBackground:
    def test_it_works_until_it_is_stopped(
        self,
        parts: MirrorParts,
        registered: FakeRegisteredModels,
        until: Callable[[Callable[[], object]], None],
        version: Version,
    ) -> None:
        parts.reconciler.start()
        until(lambda: registered.version("iris", 1))
        parts.reconciler.stop()
