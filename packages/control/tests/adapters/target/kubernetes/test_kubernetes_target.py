"""What the target does on Kubernetes besides what every target does, over the fake API server."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from fake_kubernetes.server import FakeCluster
from fake_kubernetes.store import KINDS
from kubernetes_clusters import MakeKubernetesTarget

from modelyard.adapters.target.kubernetes.place import INSTALLATION
from modelyard.adapters.target.kubernetes.target import KubernetesTarget
from modelyard.deployments.targets import Targets
from modelyard.errors import Conflict, Invalid, Unavailable
from modelyard.images.domain import Repositories
from modelyard.oci.reference import Repository
from modelyard.ports.target import (
    DEFAULT_RESOURCES,
    Autoscales,
    Autoscaling,
    BundleArtifact,
    ImageArtifact,
    KeepsLogs,
    LimitsCpu,
    LimitsMemory,
    LimitsNamespaces,
    OffersGpus,
    RunsImages,
    ServerKey,
    ServerSpec,
    ServerState,
    TakesPorts,
)

Until = Callable[..., None]

KIND = {kind.name: kind for kind in KINDS}
FIRST = ServerKey("d-1", 1)


@pytest.fixture
def target(make_kubernetes_target: MakeKubernetesTarget) -> KubernetesTarget:
    return make_kubernetes_target()


@pytest.fixture
def spec(image_spec: ServerSpec) -> ServerSpec:
    return image_spec


def image_of(spec: ServerSpec) -> str:
    assert isinstance(spec.artifact, ImageArtifact)
    return spec.artifact.reference


def scale(cluster: FakeCluster, replicas: int, *, manager: str = "kubectl") -> None:
    """As `kubectl scale` and the autoscaler do it."""

    def scaled(content: dict[str, Any]) -> dict[str, Any]:
        return {**content, "spec": {**content["spec"], "replicas": replicas}}

    cluster.store.update(KIND["Deployment"], "default", "my-model-inference", scaled, manager=manager, sub="scale")


def set_image(cluster: FakeCluster, image: str) -> None:
    def changed(content: dict[str, Any]) -> dict[str, Any]:
        content["spec"]["template"]["spec"]["containers"][0]["image"] = image
        return content

    cluster.store.update(KIND["Deployment"], "default", "my-model-inference", changed, manager="kubectl-set")


class TestReasons:
    def test_an_image_that_cannot_be_pulled(
        self, target: KubernetesTarget, spec: ServerSpec, fake_kubernetes: FakeCluster, until: Until
    ) -> None:
        fake_kubernetes.behaviour.images = set()
        target.apply(spec)
        until(lambda: target.observe("d-1", 1).state is ServerState.FAILED)
        assert target.observe("d-1", 1).reason == f'ImagePullBackOff: Back-off pulling image "{image_of(spec)}"'

    def test_a_registry_that_is_away_for_a_moment_is_no_failure(
        self,
        make_kubernetes_target: MakeKubernetesTarget,
        spec: ServerSpec,
        fake_kubernetes: FakeCluster,
        until: Until,
    ) -> None:
        target = make_kubernetes_target(pull_grace_seconds=60)
        fake_kubernetes.behaviour.images = set()
        target.apply(spec)
        until(lambda: "ImagePullBackOff: " in (target.observe("d-1", 1).reason or ""))
        assert target.observe("d-1", 1).state is ServerState.STARTING

    @pytest.mark.parametrize(
        ("said", "reason"),
        [
            ("OOMKilled", "CrashLoopBackOff: OOMKilled: it took more memory than it may have"),
            (
                "loading\nTraceback:\n  x\nValueError: the weights are spoilt\nstopping\n",
                "CrashLoopBackOff: it ended with code 1: ValueError: the weights are spoilt",
            ),
            (
                '{"level":"error","message":"giving up after 3 starts: ValueError: no weights"}\nhalf a line"}\n',
                "CrashLoopBackOff: it ended with code 1: giving up after 3 starts: ValueError: no weights",
            ),
        ],
    )
    def test_a_server_that_ends(
        self,
        target: KubernetesTarget,
        spec: ServerSpec,
        fake_kubernetes: FakeCluster,
        until: Until,
        said: str,
        reason: str,
    ) -> None:
        fake_kubernetes.behaviour.faults[image_of(spec)] = said
        target.apply(spec)
        until(lambda: target.observe("d-1", 1).state is ServerState.FAILED)
        seen = target.observe("d-1", 1)
        assert (seen.reason, seen.replicas[0].state, seen.replicas[0].restarts) == (reason, "backoff", 3)

    def test_a_pod_that_no_node_takes_may_yet_be_taken(
        self, target: KubernetesTarget, spec: ServerSpec, fake_kubernetes: FakeCluster, until: Until
    ) -> None:
        fake_kubernetes.behaviour.unschedulable = "0/1 nodes are available: 1 Insufficient nvidia.com/gpu."
        target.apply(spec)
        until(lambda: target.observe("d-1", 1).reason is not None)
        seen = target.observe_all()[FIRST]
        assert seen.state is ServerState.STARTING
        assert seen.reason == "Unschedulable: 0/1 nodes are available: 1 Insufficient nvidia.com/gpu."

    def test_a_quota_that_is_used_up(
        self, target: KubernetesTarget, spec: ServerSpec, fake_kubernetes: FakeCluster, until: Until
    ) -> None:
        fake_kubernetes.behaviour.most_pods = 0
        target.apply(spec)
        until(lambda: target.observe("d-1", 1).state is ServerState.FAILED)
        assert "exceeded quota: pods" in str(target.observe("d-1", 1).reason)

    def test_a_warning_explains_a_pod_that_says_nothing(
        self, target: KubernetesTarget, spec: ServerSpec, fake_kubernetes: FakeCluster, until: Until
    ) -> None:
        fake_kubernetes.behaviour.start_seconds = 60
        target.apply(spec)
        until(lambda: bool(fake_kubernetes.objects("Pod")))
        pod = fake_kubernetes.objects("Pod")[0]
        fake_kubernetes.controllers.warn(pod, "FailedMount", "MountVolume.SetUp failed for volume")
        assert target.observe("d-1", 1).reason == "FailedMount: MountVolume.SetUp failed for volume"


class TestReadiness:
    def test_a_deployment_is_ready_when_the_nodes_had_the_time_to_hear_of_its_pods(
        self, make_kubernetes_target: MakeKubernetesTarget, spec: ServerSpec, until: Until
    ) -> None:
        """Until then they refuse connections to a Service that has no other pod."""
        target = make_kubernetes_target(routing_seconds=1)
        target.apply(spec)
        until(lambda: [one.state for one in target.observe("d-1", 1).replicas] == ["ready"])
        seen, since = target.observe("d-1", 1), time.monotonic()
        assert (seen.state, seen.reason) == (ServerState.STARTING, None)
        until(lambda: target.observe("d-1", 1).state is ServerState.READY)
        assert time.monotonic() - since > 0.5

    def test_who_has_scaled_it_is_said_before_all_pods_are_reached(
        self,
        make_kubernetes_target: MakeKubernetesTarget,
        spec: ServerSpec,
        fake_kubernetes: FakeCluster,
        until: Until,
    ) -> None:
        target = make_kubernetes_target(routing_seconds=1)
        target.apply(spec)
        until(lambda: target.observe("d-1", 1).state is ServerState.READY)
        scale(fake_kubernetes, 3)
        until(lambda: [one.state for one in target.observe("d-1", 1).replicas] == ["ready"] * 3)
        seen = target.observe("d-1", 1)
        assert seen.state is ServerState.DEGRADED
        assert seen.reason == "scaled to 3 replicas by 'kubectl'; 1 were asked for here"


class TestDrift:
    def test_who_scales_last_has_chosen_and_it_is_said(
        self, target: KubernetesTarget, spec: ServerSpec, fake_kubernetes: FakeCluster, until: Until
    ) -> None:
        target.apply(replace(spec, replicas=2))
        until(lambda: target.observe("d-1", 1).state is ServerState.READY)
        scale(fake_kubernetes, 4)
        until(lambda: len(target.observe("d-1", 1).replicas) == 4)
        target.apply(replace(spec, replicas=2))
        until(lambda: target.observe("d-1", 1).state is ServerState.READY)
        seen = target.observe("d-1", 1)
        assert (len(seen.replicas), seen.scaled_by) == (4, "'kubectl'")
        assert seen.reason == "scaled to 4 replicas by 'kubectl'; 2 were asked for here"
        target.apply(replace(spec, replicas=3))
        until(lambda: len(target.observe("d-1", 1).replicas) == 3)
        assert target.observe("d-1", 1).scaled_by is None

    def test_a_deployment_that_was_deleted_is_made_again_at_its_address(
        self, target: KubernetesTarget, spec: ServerSpec, fake_kubernetes: FakeCluster, until: Until
    ) -> None:
        target.apply(spec)
        url = target.observe("d-1", 1).url
        fake_kubernetes.store.drop(KIND["Deployment"], "default", "my-model-inference")
        seen = target.observe("d-1", 1)
        assert (seen.fingerprint, seen.url) == (None, url)
        target.apply(spec)
        assert target.observe("d-1", 1).fingerprint == spec.fingerprint
        until(lambda: target.observe("d-1", 1).state is ServerState.READY)

    def test_a_service_that_was_deleted_is_made_again(
        self, target: KubernetesTarget, spec: ServerSpec, fake_kubernetes: FakeCluster
    ) -> None:
        target.apply(spec)
        fake_kubernetes.store.drop(KIND["Service"], "default", "my-model-inference")
        assert target.observe("d-1", 1).fingerprint is None
        target.apply(spec)
        assert target.observe("d-1", 1).fingerprint == spec.fingerprint

    @pytest.mark.parametrize("kind", ["PodDisruptionBudget", "PodMonitor", "HorizontalPodAutoscaler"])
    def test_what_stands_beside_it_comes_back_too(
        self,
        make_kubernetes_target: MakeKubernetesTarget,
        spec: ServerSpec,
        fake_kubernetes: FakeCluster,
        kind: str,
    ) -> None:
        target = make_kubernetes_target(prometheus="pod-monitor")
        asked = replace(spec, replicas=2, autoscaling=Autoscaling(min_replicas=2, max_replicas=4, cpu_percent=60))
        target.apply(asked)
        assert target.observe("d-1", 1).fingerprint == asked.fingerprint
        (made,) = fake_kubernetes.objects(kind)
        fake_kubernetes.store.delete(KIND[kind], "default", made["metadata"]["name"], {})
        assert target.observe("d-1", 1).fingerprint is None
        target.apply(asked)
        assert len(fake_kubernetes.objects(kind)) == 1
        assert target.observe_all()[FIRST].fingerprint == asked.fingerprint

    def test_a_field_that_somebody_has_taken_is_a_conflict_that_names_both(
        self, target: KubernetesTarget, spec: ServerSpec, fake_kubernetes: FakeCluster
    ) -> None:
        target.apply(spec)
        set_image(fake_kubernetes, "registry.example.com/other:1")
        assert target.observe("d-1", 1).fingerprint is None
        with pytest.raises(Conflict, match=r'\[name="server"\]\.image: conflict with "kubectl-set"'):
            target.apply(spec)
        containers = fake_kubernetes.objects("Deployment")[0]["spec"]["template"]["spec"]["containers"]
        assert containers[0]["image"] == "registry.example.com/other:1"

    def test_a_label_that_somebody_removes_comes_back(
        self, target: KubernetesTarget, spec: ServerSpec, fake_kubernetes: FakeCluster
    ) -> None:
        target.apply(spec)

        def without_label(content: dict[str, Any]) -> dict[str, Any]:
            del content["metadata"]["labels"]["app"]
            return content

        name = "my-model-inference"
        fake_kubernetes.store.update(KIND["Deployment"], "default", name, without_label, manager="kubectl-label")
        assert target.observe("d-1", 1).fingerprint is None
        target.apply(spec)
        assert fake_kubernetes.objects("Deployment")[0]["metadata"]["labels"]["app"] == name
        assert target.observe("d-1", 1).fingerprint == spec.fingerprint


class TestNames:
    def test_deployments_of_one_model_have_names_of_their_own(
        self, target: KubernetesTarget, spec: ServerSpec, fake_kubernetes: FakeCluster
    ) -> None:
        target.apply(spec)
        target.apply(replace(spec, deployment_id="d-2", version=2))
        target.apply(spec)
        names = [one["metadata"]["name"] for one in fake_kubernetes.objects("Service")]
        assert names[0] == "my-model-inference"
        assert names[1].startswith("my-model-inference-")
        assert {one["metadata"]["labels"]["app"] for one in fake_kubernetes.objects("Service")} == {names[0]}

    def test_what_others_have_made_under_the_name_is_left_alone(
        self, target: KubernetesTarget, spec: ServerSpec, fake_kubernetes: FakeCluster
    ) -> None:
        metadata = {"name": "my-model-inference", "namespace": "default"}
        content = {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"ports": [{"port": 1}]}}
        theirs = fake_kubernetes.store.create(KIND["Service"], content, manager="helm")
        target.apply(spec)
        target.remove("d-1")
        assert fake_kubernetes.store.find(KIND["Service"], "default", "my-model-inference") == theirs

    def test_the_pod_of_a_training_run_beside_it_is_none_of_its_own(
        self, target: KubernetesTarget, spec: ServerSpec, fake_kubernetes: FakeCluster
    ) -> None:
        target.apply(spec)
        labels = {INSTALLATION: fake_kubernetes.objects("Deployment")[0]["metadata"]["labels"][INSTALLATION]}
        run = {"name": "run-1", "namespace": "default", "labels": labels}
        containers = [{"name": "run", "image": "registry.example.com/run"}]
        content = {"apiVersion": "v1", "kind": "Pod", "metadata": run, "spec": {"containers": containers}}
        fake_kubernetes.store.create(KIND["Pod"], content, manager="modelyard")
        assert set(target.observe_all()) == {FIRST}

    def test_two_targets_of_one_cluster_see_nothing_of_each_other(
        self, make_kubernetes_target: MakeKubernetesTarget, spec: ServerSpec
    ) -> None:
        one, other = make_kubernetes_target(name="cpu"), make_kubernetes_target(name="gpu")
        one.apply(spec)
        assert (set(one.observe_all()), set(other.observe_all())) == ({FIRST}, set())
        other.remove("d-1")
        with pytest.raises(Conflict, match="another target"):
            other.apply(spec)
        other.apply(replace(spec, deployment_id="d-2"))
        assert (set(one.observe_all()), set(other.observe_all())) == ({FIRST}, {ServerKey("d-2", 1)})

    def test_a_namespace_that_is_not_there_is_named_or_made(
        self, make_kubernetes_target: MakeKubernetesTarget, spec: ServerSpec, fake_kubernetes: FakeCluster
    ) -> None:
        options: dict[str, Any] = {"namespace": None, "allowed_namespaces": ["asgard"]}
        with pytest.raises(Unavailable, match='namespaces "asgard" not found'):
            make_kubernetes_target(create_namespaces=False, **options).apply(spec)
        target = make_kubernetes_target(create_namespaces=True, **options)
        target.apply(spec)
        assert set(target.observe_all()) == {FIRST}
        assert "asgard" in {one["metadata"]["name"] for one in fake_kubernetes.objects("Namespace")}


class TestAddresses:
    @pytest.mark.parametrize(
        ("service", "expected"),
        [
            ({}, "http://my-model-inference.default.svc.cluster.local"),
            ({"type": "LoadBalancer"}, "http://203.0.113."),
            ({"type": "NodePort", "node_host": "node1.example.com"}, "http://node1.example.com:3"),
        ],
    )
    def test_the_address_is_as_the_service_has_it(
        self,
        make_kubernetes_target: MakeKubernetesTarget,
        spec: ServerSpec,
        until: Until,
        service: dict[str, Any],
        expected: str,
    ) -> None:
        target = make_kubernetes_target(service=service)
        target.apply(spec)
        until(lambda: str(target.observe("d-1", 1).url).startswith(expected))


class TestAutoscaling:
    AUTOSCALED = Autoscaling(min_replicas=2, max_replicas=6, cpu_percent=60)

    def test_replicas_pass_to_the_autoscaler_and_back_without_a_dip(
        self, target: KubernetesTarget, spec: ServerSpec, fake_kubernetes: FakeCluster, until: Until
    ) -> None:
        target.apply(replace(spec, replicas=3))
        until(lambda: target.observe("d-1", 1).state is ServerState.READY)
        scaled = replace(spec, replicas=3, autoscaling=self.AUTOSCALED)
        target.apply(scaled)
        assert fake_kubernetes.objects("HorizontalPodAutoscaler")[0]["spec"]["maxReplicas"] == 6
        scale(fake_kubernetes, 5, manager="kube-controller-manager")
        until(lambda: len(target.observe("d-1", 1).replicas) == 5)
        target.apply(scaled)
        seen = target.observe("d-1", 1)
        assert (seen.scaled_by, seen.fingerprint, len(seen.replicas)) == ("the autoscaler", scaled.fingerprint, 5)
        target.apply(replace(spec, replicas=4))
        assert fake_kubernetes.objects("HorizontalPodAutoscaler") == []
        wanted = [
            content["spec"]["replicas"]
            for _, _, kind, content in fake_kubernetes.store.history
            if kind == KIND["Deployment"]
        ]
        assert [number for number, before in zip(wanted, [0, *wanted], strict=False) if number != before] == [
            1,
            3,
            5,
            4,
        ]

    def test_an_autoscaler_that_was_deleted_is_made_again(
        self, target: KubernetesTarget, spec: ServerSpec, fake_kubernetes: FakeCluster
    ) -> None:
        scaled = replace(spec, autoscaling=self.AUTOSCALED)
        target.apply(scaled)
        assert target.observe_all()[FIRST].fingerprint == scaled.fingerprint
        fake_kubernetes.store.drop(KIND["HorizontalPodAutoscaler"], "default", "my-model-inference")
        assert target.observe_all()[FIRST].fingerprint is None
        target.apply(scaled)
        assert len(fake_kubernetes.objects("HorizontalPodAutoscaler")) == 1

    def test_a_new_deployment_begins_within_the_bounds(
        self, target: KubernetesTarget, spec: ServerSpec, fake_kubernetes: FakeCluster
    ) -> None:
        target.apply(replace(spec, autoscaling=self.AUTOSCALED))
        assert fake_kubernetes.objects("Deployment")[0]["spec"]["replicas"] == 2

    def test_a_cluster_without_the_api_refuses_it_and_runs_the_rest(
        self, target: KubernetesTarget, spec: ServerSpec, fake_kubernetes: FakeCluster, until: Until
    ) -> None:
        fake_kubernetes.hidden.update({"autoscaling/v2", "policy/v1", "monitoring.coreos.com/v1"})
        assert target.why_no_autoscaling() == "its cluster does not offer autoscaling/v2"
        with pytest.raises(Invalid, match="autoscaling: its cluster does not offer autoscaling/v2"):
            target.apply(replace(spec, autoscaling=self.AUTOSCALED))
        target.apply(replace(spec, replicas=2))
        until(lambda: target.observe("d-1", 1).state is ServerState.READY)
        target.remove("d-1")


class TestAbilities:
    def test_what_may_be_asked_of_it_is_derived_from_what_it_can(self, target: KubernetesTarget) -> None:
        for ability in (Autoscales, KeepsLogs, LimitsCpu, LimitsMemory, LimitsNamespaces, OffersGpus, RunsImages):
            assert isinstance(target, ability), ability
        assert not isinstance(target, TakesPorts)

    def test_a_namespace_that_is_not_allowed_is_refused_with_the_request(
        self, make_kubernetes_target: MakeKubernetesTarget
    ) -> None:
        target = make_kubernetes_target(namespace=None, allowed_namespaces=["asgard"])
        repositories = Repositories(Repository("registry.example.com", "models"))
        targets = Targets({"eu": target}, repositories)
        targets.check("eu", DEFAULT_RESOURCES, namespace="asgard")
        with pytest.raises(Invalid, match="namespace: expected one that the operator allows"):
            targets.check("eu", DEFAULT_RESOURCES, namespace="kube-system")


class TestRefusals:
    def test_a_bundle_is_no_image(self, target: KubernetesTarget, spec: ServerSpec) -> None:
        with pytest.raises(Invalid, match="this target runs images, got a bundle"):
            target.apply(replace(spec, artifact=BundleArtifact("default/iris/1", "0" * 64, "1" * 64)))

    def test_a_cluster_that_is_away_is_unavailable(
        self, target: KubernetesTarget, spec: ServerSpec, fake_kubernetes: FakeCluster
    ) -> None:
        fake_kubernetes.is_away = True
        for call in (lambda: target.apply(spec), target.observe_all, lambda: target.remove("d-1")):
            with pytest.raises(Unavailable, match="the cluster does not answer"):
                call()
        assert target.log_size("d-1", 1) == 0
        fake_kubernetes.is_away = False
        target.apply(spec)


class TestMonitors:
    @pytest.mark.parametrize("is_offered", [True, False])
    def test_there_is_one_where_the_operator_of_prometheus_is(
        self,
        make_kubernetes_target: MakeKubernetesTarget,
        spec: ServerSpec,
        fake_kubernetes: FakeCluster,
        until: Until,
        *,
        is_offered: bool,
    ) -> None:
        target = make_kubernetes_target(prometheus="pod-monitor")
        if not is_offered:
            fake_kubernetes.hidden.add("monitoring.coreos.com/v1")
        target.apply(spec)
        assert len(fake_kubernetes.objects("PodMonitor")) == is_offered

        def is_gone() -> bool:
            target.remove("d-1")
            return target.observe_all() == {}

        until(is_gone)
        assert fake_kubernetes.objects("PodMonitor") == []


class TestLogs:
    def test_each_line_is_copied_once_whatever_pod_it_is_of(
        self, target: KubernetesTarget, spec: ServerSpec, fake_kubernetes: FakeCluster, until: Until
    ) -> None:
        target.apply(spec)
        until(lambda: target.log_size("d-1", 1) > 0)
        (uid,) = fake_kubernetes.behaviour.logs
        first = target.read_log("d-1", 1, 0)
        stamp = "2099-01-01T00:00:00"
        fake_kubernetes.behaviour.logs[uid] += f"{stamp}.1Z one\n{stamp}.12Z two\n{stamp}.120000001Z three\n"
        until(lambda: target.log_size("d-1", 1) > first.next_offset)
        fake_kubernetes.behaviour.logs[uid] += f"{stamp}.120000002Z four\n"
        until(lambda: target.read_log("d-1", 1, 0).content.endswith(b"four\n"))
        assert target.read_log("d-1", 1, first.next_offset).content == b"one\ntwo\nthree\nfour\n"

    def test_a_disk_that_takes_no_copy_leaves_what_is_there_readable(
        self, target: KubernetesTarget, spec: ServerSpec, until: Until, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        target.apply(spec)
        until(lambda: target.log_size("d-1", 1) > 0)
        whole = target.read_log("d-1", 1, 0)

        def full(*_: Any) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(target._logs, "is_fresh", lambda _: False)
        monkeypatch.setattr("modelyard.adapters.target.kubernetes.pod_logs.replace_text", full)
        assert target.read_log("d-1", 1, 0) == whole


class TestManyObjects:
    def test_lists_are_read_page_by_page(
        self, target: KubernetesTarget, spec: ServerSpec, fake_kubernetes: FakeCluster, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("modelyard.adapters.kubernetes.cluster_api._PAGE", 2)
        for number in range(5):
            target.apply(replace(spec, deployment_id=f"d-{number}", model_name=f"model_{number}"))
        assert len(target.observe_all()) == 5
