"""A control plane that is killed at any write to the cluster leaves the same end, and nothing behind."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from fake_kubernetes.server import FakeCluster
from kubernetes_clusters import MakeKubernetesTarget

from modelyard.adapters.kubernetes.cluster_api import ClusterApi
from modelyard.adapters.target.kubernetes.target import KubernetesTarget
from modelyard.ports.target import Autoscaling, ServerKey, ServerSpec, ServerState

Until = Callable[..., None]

KINDS = ("Deployment", "Service", "PodDisruptionBudget", "HorizontalPodAutoscaler", "Pod")
MOST_WRITES = 12


class Killed(BaseException):
    """Nothing after it runs, as after `kill -9`."""


def killed_at(monkeypatch: pytest.MonkeyPatch, number: int, call: Callable[[], None]) -> bool:
    """Make a call, and end it after so many writes; whether it came to that."""
    left = [number]
    real = ClusterApi._request

    def request(self: ClusterApi, method: str, *args: Any, **options: Any) -> Any:
        if method != "GET":
            if left[0] == 0:
                raise Killed
            left[0] -= 1
        return real(self, method, *args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(ClusterApi, "_request", request)
        try:
            call()
        except Killed:
            return True
    return False


def objects(cluster: FakeCluster) -> dict[str, Any]:
    """The specs and labels of all that there is, without what differs between two runs."""
    return {
        kind: [
            (one["metadata"]["name"], one["metadata"]["labels"], {**one["spec"], "clusterIP": None})
            for one in cluster.objects(kind)
        ]
        for kind in KINDS[:-1]
    }


@pytest.fixture
def spec(image_spec: ServerSpec) -> ServerSpec:
    return replace(image_spec, replicas=2)


@pytest.fixture
def target(make_kubernetes_target: MakeKubernetesTarget) -> KubernetesTarget:
    return make_kubernetes_target()


class TestKilled:
    def test_a_deployment(
        self,
        target: KubernetesTarget,
        spec: ServerSpec,
        fake_kubernetes: FakeCluster,
        until: Until,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        spec = replace(spec, autoscaling=Autoscaling(2, 4, 50))
        target.apply(spec)
        whole = objects(fake_kubernetes)
        for number in range(MOST_WRITES):
            remove(target, until)
            was_killed = killed_at(monkeypatch, number, lambda: target.apply(spec))
            if was_killed:
                assert target.observe("d-1", 1).fingerprint is None
            target.apply(spec)
            assert target.observe("d-1", 1).fingerprint == spec.fingerprint
            assert objects(fake_kubernetes) == whole
            if not was_killed:
                return
        raise AssertionError("it never came to its end")

    def test_a_replacement_and_the_way_back(
        self,
        target: KubernetesTarget,
        spec: ServerSpec,
        fake_kubernetes: FakeCluster,
        until: Until,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        later = replace(spec, generation=2, version=2)
        target.apply(spec)
        until(lambda: target.observe("d-1", 1).state is ServerState.READY)
        first = objects(fake_kubernetes)
        for number in range(MOST_WRITES):
            was_killed = killed_at(monkeypatch, number, lambda: target.apply(later))
            target.apply(spec)
            target.apply(later)
            until(lambda: target.observe("d-1", 2).state is ServerState.READY)

            def is_back() -> bool:
                target.retire("d-1", 2)
                if target.observe("d-1", 1).fingerprint != spec.fingerprint:
                    target.apply(spec)
                return set(target.observe_all()) == {ServerKey("d-1", 1)}

            until(is_back)
            assert objects(fake_kubernetes) == first
            if not was_killed:
                return
        raise AssertionError("it never came to its end")

    def test_a_removal(
        self,
        target: KubernetesTarget,
        spec: ServerSpec,
        fake_kubernetes: FakeCluster,
        until: Until,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        for number in range(MOST_WRITES):
            target.apply(replace(spec, autoscaling=Autoscaling(2, 4, 50)))
            was_killed = killed_at(monkeypatch, number, lambda: remove(target, until))
            remove(target, until)
            assert {kind: fake_kubernetes.objects(kind) for kind in KINDS} == {kind: [] for kind in KINDS}
            if not was_killed:
                return
        raise AssertionError("it never came to its end")


def remove(target: KubernetesTarget, until: Until) -> None:
    def is_gone() -> bool:
        target.remove("d-1")
        return target.observe_all() == {}

    until(is_gone)
