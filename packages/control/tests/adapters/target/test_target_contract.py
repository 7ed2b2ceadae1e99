"""What every target keeps, on the fake and on real processes."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from modelyard.adapters.target.fake import FakeTarget
from modelyard.adapters.target.local import LocalTarget
from modelyard.home import Home
from modelyard.ports.target import ServerSpec, ServerState, Target
from modelyard.supervision.supervisor import Supervisor

Until = Callable[..., None]


def other(spec: ServerSpec) -> ServerSpec:
    """The server of another deployment."""
    assert spec.port is not None
    return replace(spec, deployment_id="d-2", port=spec.port + 1)


class TargetContract:
    """The laws of `ports/target.py`."""

    def test_a_server_that_was_never_applied_is_absent(self, target: Target) -> None:
        assert target.observe("d-1", 1).state is ServerState.ABSENT
        assert target.deployment_ids() == []

    def test_an_applied_server_has_its_address_at_once_and_gets_ready(
        self, target: Target, spec: ServerSpec, until: Until
    ) -> None:
        target.apply(spec)
        first = target.observe("d-1", 1)
        assert first.url is not None
        until(lambda: target.observe("d-1", 1).state is ServerState.READY)
        assert target.observe("d-1", 1).url == first.url
        assert [replica.index for replica in target.observe("d-1", 1).replicas] == [0]
        assert target.deployment_ids() == ["d-1"]

    def test_applying_again_with_other_replicas_scales_up_and_down_at_the_same_address(
        self, target: Target, spec: ServerSpec, until: Until
    ) -> None:
        target.apply(spec)
        until(lambda: target.observe("d-1", 1).state is ServerState.READY)
        url = target.observe("d-1", 1).url
        for wanted in (3, 1):
            target.apply(replace(spec, replicas=wanted))
            until(lambda wanted=wanted: len(target.observe("d-1", 1).replicas) == wanted)
            assert target.observe("d-1", 1).url == url

    def test_applying_the_same_again_changes_nothing(self, target: Target, spec: ServerSpec, until: Until) -> None:
        target.apply(spec)
        until(lambda: target.observe("d-1", 1).state is ServerState.READY)
        before = target.observe("d-1", 1)
        target.apply(spec)
        assert target.observe("d-1", 1) == before

    def test_two_servers_have_two_addresses(self, target: Target, spec: ServerSpec) -> None:
        target.apply(spec)
        target.apply(other(spec))
        assert target.observe("d-1", 1).url != target.observe("d-2", 1).url
        assert target.deployment_ids() == ["d-1", "d-2"]

    def test_a_removed_server_is_absent_and_the_other_one_stays(
        self, target: Target, spec: ServerSpec, until: Until
    ) -> None:
        target.apply(spec)
        target.apply(other(spec))
        target.remove("d-1")
        assert target.observe("d-1", 1).state is ServerState.ABSENT
        assert target.deployment_ids() == ["d-2"]
        until(lambda: target.observe("d-2", 1).state is ServerState.READY)

    def test_two_generations_share_the_address_and_either_can_be_retired(
        self, target: Target, spec: ServerSpec, until: Until
    ) -> None:
        target.apply(spec)
        until(lambda: target.observe("d-1", 1).state is ServerState.READY)
        url = target.observe("d-1", 1).url
        target.apply(replace(spec, generation=2, version=2, replicas=2))
        until(lambda: target.observe("d-1", 2).state is ServerState.READY)
        assert target.generations("d-1") == [1, 2]
        assert (target.observe("d-1", 1).url, target.observe("d-1", 2).url) == (url, url)
        assert [len(target.observe("d-1", generation).replicas) for generation in (1, 2)] == [1, 2]
        target.retire("d-1", 1)
        target.retire("d-1", 1)
        assert target.observe("d-1", 1).state is ServerState.ABSENT
        assert target.observe("d-1", 2).state is ServerState.READY
        assert target.generations("d-1") == [2]
        assert target.deployment_ids() == ["d-1"]
        target.remove("d-1")
        assert (target.generations("d-1"), target.deployment_ids()) == ([], [])

    def test_removing_one_that_is_not_there_does_nothing(self, target: Target) -> None:
        target.remove("d-1")
        assert target.deployment_ids() == []


class TestFakeTarget(TargetContract):
    @pytest.fixture
    def target(self) -> Target:
        return FakeTarget()


class TestLocalTarget(TargetContract):
    @pytest.fixture
    def target(self, home: Home, supervisor: Supervisor, first_port: int) -> Iterator[Target]:
        target = LocalTarget(home, supervisor, first_port=first_port, last_port=first_port + 49)
        yield target
        for deployment_id in target.deployment_ids():
            target.remove(deployment_id)
