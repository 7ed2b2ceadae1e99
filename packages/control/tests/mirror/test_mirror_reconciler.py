"""In the background: what comes is imported, what differs is repaired, by one process at a time."""

from collections.abc import Callable, Iterator

import pytest
from mirror_desk import Desk

from modelyard.adapters.clock.manual import ManualClock
from modelyard.adapters.tracking.fake import FakeTracking
from modelyard.adapters.tracking.fake_registry import FakeRegisteredModels
from modelyard.errors import ModelyardError, Unavailable
from modelyard.mirror.parts import MirrorParts
from modelyard.outbox.delivery import OutboxDelivery
from modelyard.ports.registered_models import ShownVersion
from modelyard.ports.tracking import LoggedModel
from modelyard.principals import Principal
from modelyard.registry.domain import Version
from modelyard.registry.service import RegistryService

LogModel = Callable[..., LoggedModel]


class TestPasses:
    def test_the_first_looks_at_all(
        self,
        parts: MirrorParts,
        registered: FakeRegisteredModels,
        desk: Desk,
        delivery: OutboxDelivery,
        log_model: LogModel,
        version: Version,
    ) -> None:
        registered.register("roses", log_model().uri)
        parts.reconciler.make_pass()
        delivery.deliver_due()
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
            parts.reconciler.make_pass()
        looked: list[str] = []
        versions = registered.versions

        def witnessed(name: str, *, after: int = 0) -> Iterator[ShownVersion]:
            looked.append(name)
            return versions(name, after=after)

        monkeypatch.setattr(registered, "versions", witnessed)
        parts.reconciler.make_pass()
        registered.register("roses", log_model().uri)
        parts.reconciler.make_pass()
        assert "iris" not in looked
        assert desk.registry.version(desk.admin, "roses", 1).model_name == "roses"
        looked.clear()
        for _ in range(3):
            parts.reconciler.make_pass()
        assert set(looked) <= {"roses"}

    def test_a_long_one_comes_again_when_it_is_due(
        self, parts: MirrorParts, registered: FakeRegisteredModels, desk: Desk, clock: ManualClock, version: Version
    ) -> None:
        for _ in range(2):
            parts.reconciler.make_pass()
        registered.tag_version("iris", 1, "by", "you")
        parts.reconciler.make_pass()
        assert desk.kinds() == ["tag"]
        clock.sleep(601)
        parts.reconciler.make_pass()
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
        parts.reconciler.make_pass()
        assert registered.version("roses", 1) is not None

    def test_a_tracker_that_is_away_ends_the_pass_and_the_next_looks_at_all(
        self, parts: MirrorParts, registered: FakeRegisteredModels, tracking: FakeTracking, version: Version
    ) -> None:
        tracking.is_available = False
        with pytest.raises(Unavailable):
            parts.reconciler.make_pass()
        tracking.is_available = True
        parts.reconciler.make_pass()
        assert registered.version("iris", 1) is not None
