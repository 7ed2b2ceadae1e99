"""What every target keeps, on the fake and on real processes."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from azure_world import ReconciledAciTarget
from kubernetes_clusters import Cluster, MakeKubernetesTarget

from modelyard.adapters.target.aci import AciTarget
from modelyard.adapters.target.docker import DockerTarget
from modelyard.adapters.target.fake import FakeCluster, FakeTarget
from modelyard.adapters.target.local import LocalTarget
from modelyard.errors import Conflict
from modelyard.ports.target import KeepsLogs, Resources, ServerKey, ServerSpec, ServerState, Target

Until = Callable[..., None]
MakeTarget = Callable[..., LocalTarget]
MakeDockerTarget = Callable[..., DockerTarget]
MakeAciTarget = Callable[..., AciTarget]
Remove = Callable[[Target, str], None]
Retire = Callable[[Target, str, int], None]


FIRST = ServerKey("d-1", 1)


def other(spec: ServerSpec) -> ServerSpec:
    """The server of another deployment."""
    return replace(spec, deployment_id="d-2", port=None if spec.port is None else spec.port + 1)


class TargetContract:
    """The laws of `ports/target.py`. `foreign` is a target of another installation at the same place."""

    def test_a_server_that_was_never_applied_is_absent(self, target: Target) -> None:
        assert target.observe("d-1", 1).state is ServerState.ABSENT
        assert target.observe_all() == {}

    def test_an_applied_server_has_its_address_at_once_and_gets_ready(
        self, target: Target, spec: ServerSpec, until: Until
    ) -> None:
        target.apply(spec)
        first = target.observe("d-1", 1)
        assert first.url is not None
        until(lambda: target.observe("d-1", 1).state is ServerState.READY)
        assert target.observe("d-1", 1).url == first.url
        assert [replica.index for replica in target.observe("d-1", 1).replicas] == [0]
        assert set(target.observe_all()) == {FIRST}

    def test_what_was_applied_is_known_by_its_fingerprint(self, target: Target, spec: ServerSpec, until: Until) -> None:
        target.apply(spec)
        assert target.observe("d-1", 1).fingerprint == spec.fingerprint
        until(lambda: target.observe_all()[FIRST].state is ServerState.READY)
        changed = replace(spec, resources=Resources(memory_bytes=300 * 1024 * 1024))
        assert target.observe_all()[FIRST].fingerprint not in {None, changed.fingerprint}

        def is_applied() -> bool:
            target.apply(changed)  # As the reconciler does until it is: a target may take steps.
            return target.observe_all()[FIRST].fingerprint == changed.fingerprint

        until(is_applied)

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
        seen = target.observe_all()
        assert set(seen) == {("d-1", 1), ("d-2", 1)}
        assert len({one.url for one in seen.values()}) == 2

    def test_a_server_drains_once_its_removal_is_asked_for_and_is_gone_later(
        self, target: Target, spec: ServerSpec, until: Until, remove: Remove
    ) -> None:
        target.apply(spec)
        target.apply(other(spec))
        until(lambda: target.observe("d-1", 1).state is ServerState.READY)
        target.remove("d-1")
        assert target.observe_all()[FIRST].state is ServerState.DRAINING
        remove(target, "d-1")
        assert target.observe("d-1", 1).state is ServerState.ABSENT
        assert set(target.observe_all()) == {("d-2", 1)}
        until(lambda: target.observe("d-2", 1).state is ServerState.READY)

    def test_two_generations_share_the_address_and_either_can_be_retired(
        self, target: Target, spec: ServerSpec, until: Until, retire: Retire, remove: Remove
    ) -> None:
        target.apply(spec)
        until(lambda: target.observe("d-1", 1).state is ServerState.READY)
        url = target.observe("d-1", 1).url
        target.apply(replace(spec, generation=2, version=2, replicas=2))
        until(lambda: target.observe("d-1", 2).state is ServerState.READY)
        seen = target.observe_all()
        assert [one.url for one in seen.values()] == [url, url]
        assert len(seen[FIRST].replicas) <= 1, "a target may let the second take the place of the first by itself"
        assert len(seen[ServerKey("d-1", 2)].replicas) == 2
        assert [one.state for one in seen.values()] == [ServerState.READY] * 2
        retire(target, "d-1", 1)
        target.retire("d-1", 1)
        assert target.observe("d-1", 1).state is ServerState.ABSENT
        assert target.observe("d-1", 2).state is ServerState.READY
        assert set(target.observe_all()) == {("d-1", 2)}
        remove(target, "d-1")
        assert target.observe_all() == {}

    def test_a_later_generation_that_is_retired_leaves_the_earlier_one_in_place(
        self, target: Target, spec: ServerSpec, until: Until
    ) -> None:
        target.apply(spec)
        until(lambda: target.observe("d-1", 1).state is ServerState.READY)
        later = replace(spec, generation=2, version=2)
        target.apply(later)
        target.apply(spec)
        until(lambda: target.observe("d-1", 2).state is ServerState.READY)
        assert target.observe("d-1", 2).fingerprint == later.fingerprint

        def is_gone() -> bool:
            target.retire("d-1", 2)
            if target.observe("d-1", 1).fingerprint != spec.fingerprint:
                target.apply(spec)
            return set(target.observe_all()) == {FIRST}

        until(is_gone, seconds=60)
        until(lambda: [one.state for one in target.observe("d-1", 1).replicas] == ["ready"], seconds=60)
        assert target.observe("d-1", 1).fingerprint == spec.fingerprint

    def test_a_server_of_another_installation_is_not_there_for_us_and_stays_as_it_is(
        self, target: Target, foreign: Target, spec: ServerSpec, until: Until
    ) -> None:
        foreign.apply(spec)
        until(lambda: foreign.observe("d-1", 1).state is ServerState.READY)
        before = foreign.observe_all()
        assert target.observe("d-1", 1).state is ServerState.ABSENT
        assert target.observe_all() == {}
        target.retire("d-1", 1)
        target.remove("d-1")
        with pytest.raises(Conflict, match="'d-1' is a server of another installation"):
            target.apply(replace(spec, replicas=2))
        assert foreign.observe_all() == before

    def test_removing_one_that_is_not_there_does_nothing(self, target: Target) -> None:
        target.remove("d-1")
        target.retire("d-1", 1)
        assert target.observe_all() == {}

    def test_its_log_is_read_by_offset_also_when_it_is_gone(
        self, target: Target, spec: ServerSpec, until: Until, remove: Remove
    ) -> None:
        assert isinstance(target, KeepsLogs)
        assert (target.log_size("d-1", 1), target.read_log("d-1", 1, 0).content) == (0, b"")
        target.apply(spec)
        until(lambda: target.log_size("d-1", 1) > 0)
        remove(target, "d-1")
        whole = target.read_log("d-1", 1, 0)
        assert len(whole.content) == whole.next_offset == target.log_size("d-1", 1)
        assert target.read_log("d-1", 1, 4).content == whole.content[4:]
        assert target.read_log("d-1", 1, whole.next_offset).content == b""


class TestFakeTarget(TargetContract):
    @pytest.fixture
    def cluster(self) -> FakeCluster:
        return FakeCluster()

    @pytest.fixture
    def target(self, cluster: FakeCluster) -> Target:
        return FakeTarget(cluster=cluster)

    @pytest.fixture
    def foreign(self, cluster: FakeCluster) -> Target:
        return FakeTarget(cluster=cluster, installation=lambda: "another")


class TestLocalTarget(TargetContract):
    @pytest.fixture
    def target(self, make_target: MakeTarget) -> Target:
        return make_target()

    @pytest.fixture
    def foreign(self, make_target: MakeTarget) -> Target:
        return make_target("another")


class TestKubernetesTarget(TargetContract):
    """Over the fake API server, which has the schemas and merge rules of Kubernetes 1.37."""

    @pytest.fixture
    def spec(self, image_spec: ServerSpec) -> ServerSpec:
        return image_spec

    @pytest.fixture
    def target(self, make_kubernetes_target: MakeKubernetesTarget) -> Target:
        return make_kubernetes_target()

    @pytest.fixture
    def foreign(self, make_kubernetes_target: MakeKubernetesTarget) -> Target:
        return make_kubernetes_target("another")


class TestKubernetesTargetOnRealPods(TestKubernetesTarget):
    """Over the cluster that MODELYARD_TEST_KUBECONFIG names."""

    @pytest.fixture
    def kubernetes(self, real_kubernetes: Cluster) -> Cluster:
        return real_kubernetes

    @pytest.fixture
    def until(self, until: Until, target: Target) -> Until:
        """Waits longer, as this one node runs beside all other tests; a failure tells what the target saw."""

        def wait(fact: Callable[[], object], *, seconds: float = 90) -> None:
            try:
                until(fact, seconds=seconds)
            except AssertionError as exc:
                raise AssertionError(f"{exc}: {dict(target.observe_all())}") from exc

        return wait


class TestDockerTarget(TargetContract):
    @pytest.fixture
    def spec(self, container_spec: ServerSpec) -> ServerSpec:
        return container_spec

    @pytest.fixture
    def target(self, make_docker_target: MakeDockerTarget) -> Target:
        return make_docker_target()

    @pytest.fixture
    def foreign(self, make_docker_target: MakeDockerTarget) -> Target:
        return make_docker_target(installation="another")


class TestAciTarget(TargetContract):
    """Over a resource manager with the behaviours that Azure's documents have."""

    @pytest.fixture
    def spec(self, group_spec: ServerSpec) -> ServerSpec:
        return group_spec

    @pytest.fixture
    def target(self, make_aci_target: MakeAciTarget) -> Target:
        return make_aci_target(kind=ReconciledAciTarget)

    @pytest.fixture
    def foreign(self, make_aci_target: MakeAciTarget) -> Target:
        return make_aci_target(installation="another", kind=ReconciledAciTarget)


class TestFingerprints:
    def test_every_field_is_in_them_and_what_is_not_set_is_not(self, spec: ServerSpec) -> None:
        changed = [
            replace(spec, generation=2),
            replace(spec, replicas=2),
            replace(spec, namespace="other"),
            replace(spec, resources=Resources(cpu=0.5)),
            replace(spec, environment={"A": "1"}),
            replace(spec, labels={"a": "1"}),
            replace(spec, port=1),
        ]
        assert len({one.fingerprint for one in [spec, *changed]}) == len(changed) + 1
        assert (
            replace(spec, labels={"a": "1", "b": "2"}).fingerprint
            == replace(spec, labels={"b": "2", "a": "1"}).fingerprint
        )
