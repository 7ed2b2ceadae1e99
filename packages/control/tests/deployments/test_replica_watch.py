"""Replicas for an answer: many are asked for at once, and a target that does not answer holds up nobody for long."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from modelyard.adapters.target.fake import FakeTarget
from modelyard.deployments.domain import Deployment
from modelyard.deployments.replica_watch import ReplicaWatch
from modelyard.deployments.states import DeploymentStatus, DesiredState
from modelyard.deployments.targets import Targets
from modelyard.ports.target import DEFAULT_RESOURCES, ServerObservation

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class HaltingTarget(FakeTarget):
    """Answers of the servers that it holds back are sent when it is released."""

    def __init__(self, held: set[str]) -> None:
        super().__init__()
        self.go = threading.Event()
        self.asked: list[str] = []
        self._held = held

    def observe(self, deployment_id: str, generation: int) -> ServerObservation:
        self.asked.append(deployment_id)
        if deployment_id in self._held:
            self.go.wait(20)
        return super().observe(deployment_id, generation)


def deployment(deployment_id: str) -> Deployment:
    return Deployment(
        deployment_id=deployment_id,
        tenant_id="default",
        namespace="default",
        model_name="iris",
        version=1,
        target="fake",
        replicas=1,
        resources=DEFAULT_RESOURCES,
        autoscaling=None,
        generation=1,
        desired_state=DesiredState.RUNNING,
        status=DeploymentStatus.READY,
        reason=None,
        url=None,
        ready_replicas=1,
        job_id="job-1",
        created_by="alice",
        created_at=NOW,
        updated_at=NOW,
    )


class TestReplicaWatch:
    @pytest.fixture
    def halting(self) -> Iterator[HaltingTarget]:
        target = HaltingTarget({f"d-{number}" for number in range(20)})
        yield target
        target.go.set()

    def test_all_of_a_page_are_asked_for_at_once(self) -> None:
        """Four that answer only once all four were asked."""
        target = FakeTarget()
        together = threading.Barrier(4, timeout=20)
        observe = target.observe

        def observe_together(deployment_id: str, generation: int) -> ServerObservation:
            together.wait()
            return observe(deployment_id, generation)

        target.observe = observe_together  # type: ignore[method-assign]  # The test's own pace.
        watch = ReplicaWatch(Targets({"fake": target}), seconds=20, concurrency=4)
        assert set(watch.replicas([deployment(f"d-{number}") for number in range(4)])) == {"d-0", "d-1", "d-2", "d-3"}

    def test_a_target_that_never_answers_holds_an_answer_up_for_its_time_only(self, halting: HaltingTarget) -> None:
        watch = ReplicaWatch(Targets({"fake": halting}), seconds=0.05, concurrency=2)
        page = [deployment(f"d-{number}") for number in range(20)]
        before = time.monotonic()
        for _ in range(3):
            assert watch.replicas(page) == {one.deployment_id: () for one in page}
        assert time.monotonic() - before < 10
        assert len(halting.asked) == 2  # However often it is asked, no more threads wait for it.
        assert watch.replicas([]) == {}

    def test_those_that_answer_in_time_are_reported_beside_one_that_does_not(self) -> None:
        target = HaltingTarget({"d-late"})
        watch = ReplicaWatch(Targets({"fake": target}), seconds=0.2, concurrency=2)
        seen = watch.replicas([deployment("d-late"), deployment("d-here")])
        target.go.set()
        assert (set(seen), seen["d-late"]) == ({"d-late", "d-here"}, ())
        assert target.asked == ["d-late", "d-here"]

    def test_a_target_that_fails_costs_the_others_nothing(self) -> None:
        class FailingTarget(FakeTarget):
            def observe(self, deployment_id: str, generation: int) -> ServerObservation:
                raise KeyError(deployment_id)

        watch = ReplicaWatch(Targets({"fake": FakeTarget(), "broken": FailingTarget()}), seconds=20)
        broken = replace(deployment("d-2"), target="broken")
        assert watch.replicas([deployment("d-1"), broken]) == {"d-1": (), "d-2": ()}

    def test_one_that_is_stopped_is_not_asked_for(self) -> None:
        target = HaltingTarget(set())
        stopped = replace(deployment("d-1"), status=DeploymentStatus.STOPPED)
        assert ReplicaWatch(Targets({"fake": target})).replicas([stopped]) == {}
        assert target.asked == []
