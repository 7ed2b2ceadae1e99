"""What only real pods can show, on the cluster that MODELYARD_TEST_KUBECONFIG names."""

import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from kubernetes_clusters import Cluster, MakeKubernetesTarget

from modelyard.adapters.target.kubernetes.target import KubernetesTarget
from modelyard.errors import Conflict
from modelyard.ports.target import ImageArtifact, ServerSpec, ServerState

Until = Callable[..., None]


@pytest.fixture
def kubernetes(real_kubernetes: Cluster) -> Cluster:
    return real_kubernetes


@pytest.fixture
def target(make_kubernetes_target: MakeKubernetesTarget) -> KubernetesTarget:
    return make_kubernetes_target(routing_seconds=8)  # This one node is busy with tests, and slow to hear.


@pytest.fixture
def spec(image_spec: ServerSpec) -> ServerSpec:
    return image_spec


def kubectl(cluster: Cluster, *arguments: str) -> None:
    command = [str(Path(sys.executable).with_name("kubectl")), f"--kubeconfig={cluster.kubeconfig}"]
    subprocess.run([*command, "-n", cluster.namespace, *arguments], check=True, capture_output=True, timeout=60)


class Load:
    """Requests, one after the other on new connections, and how each ended."""

    def __init__(self, url: str) -> None:
        self.ends: Counter[str] = Counter()
        self._url = f"{url}/predict"
        self._stopped = threading.Event()

    @contextmanager
    def running(self, callers: int = 3) -> Iterator[None]:
        """While the block runs."""
        threads = [threading.Thread(target=self._call) for _ in range(callers)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stopped.set()
            for thread in threads:
                thread.join(30)

    def _call(self) -> None:
        while not self._stopped.wait(0.02):
            try:
                answer = httpx.post(self._url, json={"inputs": [1]}, timeout=10)
                end = answer.json()["pod"] if answer.is_success else f"status {answer.status_code}"
            except httpx.HTTPError as exc:
                end = f"{type(exc).__name__}: {exc}"
            self.ends[end] += 1


class TestRollingUpdates:
    def test_no_request_is_lost_while_a_version_is_scaled_replaced_and_taken_back(
        self, target: KubernetesTarget, spec: ServerSpec, until: Until
    ) -> None:
        target.apply(replace(spec, environment={"STAND_IN_SECONDS": "0.2"}))
        until(lambda: target.observe("d-1", 1).state is ServerState.READY, seconds=60)
        load = Load(str(target.observe("d-1", 1).url))
        two = replace(spec, replicas=2, environment={"STAND_IN_SECONDS": "0.2"})
        later = replace(two, generation=2, version=2)
        with load.running():
            target.apply(two)
            until(lambda: len(target.observe("d-1", 1).replicas) == 2, seconds=60)
            target.apply(later)
            until(lambda: target.observe("d-1", 2).state is ServerState.READY, seconds=60)

            def is_back() -> bool:
                target.retire("d-1", 2)
                if target.observe("d-1", 1).fingerprint != two.fingerprint:
                    target.apply(two)
                return [key.generation for key in target.observe_all()] == [1]

            until(is_back, seconds=180)  # The object of a pod that has ended may stay a minute longer.
        assert all(end.startswith("my-model-inference-") for end in load.ends), load.ends
        templates = {end.rpartition("-")[0] for end in load.ends}
        assert len(templates) == 2, load.ends


class TestReasons:
    def test_a_server_that_fails_says_why(self, target: KubernetesTarget, spec: ServerSpec, until: Until) -> None:
        target.apply(replace(spec, environment={"STAND_IN_FAULT": "the weights are spoilt"}))
        until(lambda: target.observe("d-1", 1).state is ServerState.FAILED, seconds=60)
        reason = "CrashLoopBackOff: it ended with code 1: ValueError: the weights are spoilt"
        assert target.observe("d-1", 1).reason == reason
        log = target.read_log("d-1", 1, 0).content
        assert b"stand-in serves /model as 65532" in log
        assert b"ValueError: the weights are spoilt" in log

    def test_an_image_that_the_node_does_not_have(
        self, target: KubernetesTarget, spec: ServerSpec, until: Until
    ) -> None:
        absent = ImageArtifact("localhost/absent:1", "sha256:0", "localhost/absent:1")
        target.apply(replace(spec, artifact=absent))
        until(lambda: target.observe("d-1", 1).state is ServerState.FAILED, seconds=60)
        assert str(target.observe("d-1", 1).reason).startswith("ErrImageNeverPull: ")


class TestDrift:
    def test_a_field_that_kubectl_has_taken_is_a_conflict(
        self, target: KubernetesTarget, spec: ServerSpec, kubernetes: Cluster
    ) -> None:
        target.apply(spec)
        assert target.observe("d-1", 1).fingerprint == spec.fingerprint
        kubectl(kubernetes, "set", "image", "deployment/my-model-inference", "server=localhost/other:1")
        assert target.observe("d-1", 1).fingerprint is None
        with pytest.raises(Conflict, match=r'\[name="server"\]\.image: conflict with "kubectl-set"'):
            target.apply(spec)
        kubectl(kubernetes, "rollout", "undo", "deployment/my-model-inference")
        target.apply(spec)
        assert target.observe("d-1", 1).fingerprint == spec.fingerprint
