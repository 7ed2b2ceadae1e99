"""What runs is brought to what shall run, whatever the target does meanwhile."""

import threading
from collections.abc import Callable, Iterator

import pytest

from modelyard.adapters.clock.manual import ManualClock
from modelyard.adapters.target.fake import FakeTarget
from modelyard.deployments.domain import Deployment
from modelyard.deployments.reconciler import Reconciler
from modelyard.deployments.service import DeploymentService
from modelyard.deployments.states import DeploymentStatus
from modelyard.errors import Invalid, Unavailable
from modelyard.leases.background import BackgroundWork
from modelyard.leases.service import Leases
from modelyard.packaging.rebuilding import Rebuilding
from modelyard.packaging.service import PackagingService
from modelyard.ports.target import ServerSpec, ServerState
from modelyard.principals import Principal
from modelyard.registry.domain import Version
from modelyard.registry.service import RegistryService

MakeReconciler = Callable[[FakeTarget], Reconciler]


@pytest.fixture
def make_reconciler(
    deployments: DeploymentService, registry: RegistryService, packaging: PackagingService, clock: ManualClock
) -> Iterator[MakeReconciler]:
    made: list[Reconciler] = []

    def make(target: FakeTarget) -> Reconciler:
        reconciler = Reconciler(
            deployments=deployments,
            registry=registry,
            rebuilding=Rebuilding(packaging=packaging, clock=clock),
            target=target,
            memory_bytes=1024,
        )
        made.append(reconciler)
        return reconciler

    yield make
    for reconciler in made:
        reconciler.stop()


@pytest.fixture
def reconciler(make_reconciler: MakeReconciler, target: FakeTarget) -> Reconciler:
    return make_reconciler(target)


@pytest.fixture
def deployment(
    deployments: DeploymentService, packaging: PackagingService, version: Version, alice: Principal
) -> Deployment:
    """A deployment of a version that was built."""
    packaging.build(version, log=lambda _: None)
    return deployments.create(alice, version, replicas=2, namespace="default", job_id="job-1")


@pytest.fixture
def look(deployments: DeploymentService, alice: Principal, deployment: Deployment) -> Callable[[], Deployment]:
    """The deployment as it stands now."""
    return lambda: deployments.get(alice, deployment.deployment_id)


@pytest.fixture
def reconcile(reconciler: Reconciler, look: Callable[[], Deployment]) -> Callable[[int], DeploymentStatus]:
    """Some passes, and how the deployment stands after them."""

    def some(passes: int) -> DeploymentStatus:
        for _ in range(passes):
            reconciler.reconcile(look())
        return look().status

    return some


Look = Callable[[], Deployment]
Reconcile = Callable[[int], DeploymentStatus]


class TestReconcile:
    def test_a_new_one_is_started_with_what_its_version_needs(
        self,
        reconcile: Reconcile,
        target: FakeTarget,
        deployment: Deployment,
        packaging: PackagingService,
        version: Version,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        specs: list[ServerSpec] = []
        monkeypatch.setattr(target, "apply", specs.append)
        reconcile(1)
        bundle = packaging.bundle(version)
        assert specs == [
            ServerSpec(
                deployment_id=deployment.deployment_id,
                generation=1,
                model_name="iris",
                version=1,
                bundle=bundle.path,
                python=bundle.python,
                replicas=2,
                memory_bytes=1024,
                port=None,
            )
        ]

    def test_it_becomes_ready_and_tells_its_address(self, reconcile: Reconcile, look: Look) -> None:
        assert [reconcile(1) for _ in range(3)] == [
            DeploymentStatus.STARTING,
            DeploymentStatus.STARTING,
            DeploymentStatus.READY,
        ]
        assert (look().url, look().ready_replicas) == ("http://127.0.0.1:8100", 2)

    def test_scaling_takes_effect(
        self, reconcile: Reconcile, deployments: DeploymentService, alice: Principal, deployment: Deployment, look: Look
    ) -> None:
        reconcile(3)
        deployments.scale(alice, deployment.deployment_id, 5)
        assert reconcile(2) is DeploymentStatus.READY
        assert look().ready_replicas == 5

    def test_a_failure_and_its_end_are_told(
        self, reconcile: Reconcile, target: FakeTarget, deployment: Deployment, look: Look
    ) -> None:
        reconcile(3)
        target.fail(deployment.deployment_id, "model.pkl is broken")
        assert reconcile(1) is DeploymentStatus.FAILED
        assert (look().reason, look().ready_replicas) == ("model.pkl is broken", 0)
        target.recover(deployment.deployment_id)
        assert reconcile(2) is DeploymentStatus.READY
        assert look().reason is None

    def test_a_server_that_vanished_is_made_again(
        self, reconcile: Reconcile, target: FakeTarget, deployment: Deployment
    ) -> None:
        reconcile(3)
        target.vanish(deployment.deployment_id)
        assert reconcile(1) is DeploymentStatus.DEGRADED
        assert reconcile(2) is DeploymentStatus.READY

    def test_undeploying_drains_then_stops(
        self,
        reconcile: Reconcile,
        deployments: DeploymentService,
        alice: Principal,
        target: FakeTarget,
        deployment: Deployment,
    ) -> None:
        reconcile(3)
        deployments.undeploy(alice, deployment.deployment_id)
        assert reconcile(1) is DeploymentStatus.DRAINING
        assert target.deployment_ids() == []
        assert reconcile(1) is DeploymentStatus.STOPPED
        assert deployments.running() == []

    def test_draining_is_seen_before_the_server_is_gone(
        self,
        reconcile: Reconcile,
        deployments: DeploymentService,
        alice: Principal,
        target: FakeTarget,
        deployment: Deployment,
        look: Look,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        reconcile(3)
        seen: list[DeploymentStatus] = []
        monkeypatch.setattr(target, "remove", lambda _: seen.append(look().status))
        deployments.undeploy(alice, deployment.deployment_id)
        reconcile(1)
        assert seen == [DeploymentStatus.DRAINING]

    def test_a_target_that_is_away_leaves_it_as_it_stands(
        self, reconciler: Reconciler, reconcile: Reconcile, target: FakeTarget, look: Look
    ) -> None:
        reconcile(3)
        before = look()
        target.is_answering = False
        with pytest.raises(Unavailable):
            reconciler.reconcile(before)
        assert look() == before

    @pytest.mark.parametrize("error", [Unavailable("no port is free", code="x"), Invalid("no port is free", code="x")])
    def test_why_it_cannot_be_started_is_there_to_be_seen(
        self,
        reconciler: Reconciler,
        reconcile: Reconcile,
        target: FakeTarget,
        look: Look,
        monkeypatch: pytest.MonkeyPatch,
        error: Exception,
    ) -> None:
        def refuse(_: ServerSpec) -> None:
            raise error

        with monkeypatch.context() as patch:
            patch.setattr(target, "apply", refuse)
            with pytest.raises(type(error)):
                reconciler.reconcile(look())
        assert (look().status, look().reason) == (DeploymentStatus.PENDING, "no port is free")
        reconcile(1)
        assert (look().status, look().reason) == (DeploymentStatus.STARTING, None)


class Settled:
    """Waits until the passes of a reconciler that are under way are over."""

    def __init__(self, reconciler: Reconciler) -> None:
        self._reconciler = reconciler

    def pass_over_all(self) -> None:
        self._reconciler.pass_over_all()
        for future in list(self._reconciler._under_way.values()):
            future.result(timeout=10)


class TestPassOverAll:
    def test_every_deployment_is_looked_at(
        self,
        reconciler: Reconciler,
        deployments: DeploymentService,
        packaging: PackagingService,
        version: Version,
        alice: Principal,
    ) -> None:
        packaging.build(version, log=lambda _: None)
        for number in range(12):
            deployments.create(alice, version, replicas=1, namespace="default", job_id=f"job-{number}")
        for _ in range(3):
            Settled(reconciler).pass_over_all()
        assert deployments.count_by_status(alice) == {"ready": 12}

    def test_a_server_that_nobody_wants_is_removed(
        self, reconciler: Reconciler, target: FakeTarget, packaging: PackagingService, version: Version
    ) -> None:
        bundle = packaging.build(version, log=lambda _: None)
        target.apply(
            ServerSpec(
                deployment_id="dep-nobody",
                generation=1,
                model_name="iris",
                version=1,
                bundle=bundle.path,
                python=bundle.python,
                replicas=1,
                memory_bytes=None,
                port=None,
            )
        )
        Settled(reconciler).pass_over_all()
        assert target.deployment_ids() == []

    def test_a_server_that_is_made_during_the_pass_is_not_mistaken_for_nobodys(
        self,
        reconciler: Reconciler,
        target: FakeTarget,
        deployments: DeploymentService,
        deployment: Deployment,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        running = deployments.running

        def read_then_made() -> list[Deployment]:
            # Between our reading and what follows, another process makes the server.
            known = [one for one in running() if target.observe(one.deployment_id, 1).state is not ServerState.ABSENT]
            reconciler.reconcile(deployment)
            return known

        monkeypatch.setattr(deployments, "running", read_then_made)
        Settled(reconciler).pass_over_all()
        assert target.deployment_ids() == [deployment.deployment_id]

    def test_one_that_breaks_does_not_hold_up_the_others(
        self,
        reconciler: Reconciler,
        target: FakeTarget,
        deployments: DeploymentService,
        deployment: Deployment,
        version: Version,
        alice: Principal,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        other = deployments.create(alice, version, replicas=1, namespace="default", job_id="job-2")
        observe = target.observe

        def broken(deployment_id: str, generation: int) -> object:
            if deployment_id == deployment.deployment_id:
                raise LookupError
            return observe(deployment_id, generation)

        monkeypatch.setattr(target, "observe", broken)
        for _ in range(3):
            Settled(reconciler).pass_over_all()
        assert deployments.get(alice, deployment.deployment_id).status is DeploymentStatus.PENDING
        assert deployments.get(alice, other.deployment_id).status is DeploymentStatus.READY

    def test_one_that_drains_is_not_begun_again_and_does_not_hold_up_the_others(
        self,
        reconciler: Reconciler,
        reconcile: Reconcile,
        target: FakeTarget,
        deployments: DeploymentService,
        deployment: Deployment,
        version: Version,
        alice: Principal,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        reconcile(3)
        other = deployments.create(alice, version, replicas=1, namespace="default", job_id="job-2")
        deployments.undeploy(alice, deployment.deployment_id)
        drained, calls = threading.Event(), []

        def drain(deployment_id: str) -> None:
            calls.append(deployment_id)
            assert drained.wait(timeout=10)

        monkeypatch.setattr(target, "remove", drain)
        for _ in range(3):
            reconciler.pass_over_all()
            reconciler._under_way[other.deployment_id].result(timeout=10)
        assert deployments.get(alice, other.deployment_id).status is DeploymentStatus.READY
        assert calls == [deployment.deployment_id]
        drained.set()


class TestBackground:
    def test_it_works_by_itself_and_goes_on_after_any_error(
        self,
        reconciler: Reconciler,
        deployments: DeploymentService,
        deployment: Deployment,
        alice: Principal,
        leases: Leases,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        errors: list[Exception] = [LookupError(), Unavailable("away", code="away")]
        running, is_ready = deployments.running, threading.Event()

        def flaky() -> list[Deployment]:
            if errors:
                raise errors.pop()
            if deployments.get(alice, deployment.deployment_id).status is DeploymentStatus.READY:
                is_ready.set()
            return running()

        monkeypatch.setattr(deployments, "running", flaky)
        work = BackgroundWork(name="reconciler", leases=leases, make_pass=reconciler.make_pass, pause_seconds=0.01)
        work.start()
        assert is_ready.wait(timeout=20)
        work.stop()
        assert errors == []
