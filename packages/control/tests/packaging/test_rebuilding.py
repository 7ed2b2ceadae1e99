"""Bundles that were there and are not any more."""

import shutil
import threading
from collections.abc import Callable, Iterator

import pytest

from modelyard.adapters.clock.manual import ManualClock
from modelyard.adapters.tracking.fake import FakeTracking
from modelyard.errors import Unavailable
from modelyard.packaging.rebuilding import Rebuilding
from modelyard.packaging.service import PackagingService
from modelyard.registry.domain import Version


@pytest.fixture
def rebuilding(packaging: PackagingService, clock: ManualClock) -> Iterator[Rebuilding]:
    rebuilding = Rebuilding(packaging=packaging, clock=clock)
    yield rebuilding
    rebuilding.stop()


@pytest.fixture
def lost(packaging: PackagingService, version: Version) -> Version:
    """A version that was built, and whose bundle somebody took away."""
    shutil.rmtree(packaging.build(version, log=lambda _: None).path)
    return version


def refused(rebuilding: Rebuilding, version: Version) -> str:
    with pytest.raises(Unavailable) as reported:
        rebuilding.bundle(version)
    assert reported.value.code == "bundle_rebuilding"
    return reported.value.message


def settle(rebuilding: Rebuilding) -> None:
    rebuilding.builds.settle(20)


class TestRebuilding:
    def test_one_that_is_here_is_given_at_once(
        self, rebuilding: Rebuilding, packaging: PackagingService, version: Version
    ) -> None:
        built = packaging.build(version, log=lambda _: None)
        assert rebuilding.bundle(version) == built

    def test_one_that_was_never_built_here_is_built_and_then_given(
        self, rebuilding: Rebuilding, version: Version
    ) -> None:
        assert "is being built again" in refused(rebuilding, version)
        settle(rebuilding)
        assert rebuilding.bundle(version).path.exists()

    def test_who_asks_does_not_wait_and_many_who_ask_begin_one_build(
        self, rebuilding: Rebuilding, packaging: PackagingService, lost: Version, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        go_on, builds = threading.Event(), []
        build = packaging.build

        def slow(version: Version, *, log: Callable[[str], None]) -> object:
            builds.append(version)
            go_on.wait(20)
            return build(version, log=log)

        monkeypatch.setattr(packaging, "build", slow)
        for _ in range(5):
            refused(rebuilding, lost)
        go_on.set()
        settle(rebuilding)
        assert rebuilding.bundle(lost).path.exists()
        assert builds == [lost]

    def test_one_that_cannot_be_built_says_why_and_is_tried_again_later_and_later(
        self, rebuilding: Rebuilding, tracking: FakeTracking, lost: Version, clock: ManualClock
    ) -> None:
        tracking.is_available = False
        refused(rebuilding, lost)
        settle(rebuilding)
        first = rebuilding.builds.last(lost.key)
        assert refused(rebuilding, lost).endswith("could not be built again: The tracker does not answer.")
        assert rebuilding.builds.last(lost.key) is first
        clock.sleep(2)
        refused(rebuilding, lost)
        settle(rebuilding)
        second = rebuilding.builds.last(lost.key)
        assert first is not None
        assert second is not None
        assert second.not_before - clock.now() > first.not_before - clock.now()
        tracking.is_available = True
        clock.sleep(4)
        refused(rebuilding, lost)
        settle(rebuilding)
        assert rebuilding.bundle(lost).path.exists()

    def test_a_file_that_is_not_what_was_registered_is_never_served(
        self, rebuilding: Rebuilding, tracking: FakeTracking, lost: Version
    ) -> None:
        tracking.change_file(lost.model_uri, "model.pkl", b"another")
        refused(rebuilding, lost)
        settle(rebuilding)
        assert "not those that were registered: model.pkl" in refused(rebuilding, lost)
