"""What runs is brought to what shall run, whatever the target does meanwhile."""

import shutil
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from reconciling import reconcile as reconcile_once
from reconciling import some_spec
from sqlalchemy import update

from modelyard.adapters.clock.manual import ManualClock
from modelyard.adapters.target.fake import FakeTarget
from modelyard.db import Database
from modelyard.deployments.artifacts import BundleArtifacts
from modelyard.deployments.domain import Deployment
from modelyard.deployments.reconciler import Reconciler
from modelyard.deployments.service import DeploymentService
from modelyard.deployments.specs import ServerSpecs
from modelyard.deployments.states import DeploymentStatus
from modelyard.errors import Invalid, Unavailable
from modelyard.leases.background import BackgroundWork
from modelyard.leases.domain import LeaseLostError
from modelyard.leases.service import Leases
from modelyard.leases.tables import leases as leases_table
from modelyard.packaging.rebuilding import Rebuilding
from modelyard.packaging.service import PackagingService
from modelyard.ports.target import BundleArtifact, ServerSpec, ServerState
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
        rebuilding = Rebuilding(packaging=packaging, clock=clock)
        bundles = BundleArtifacts(packaging=packaging, rebuilding=rebuilding, registry=registry)
        specs = ServerSpecs(deployments=deployments, bundles=bundles, images=bundles)
        reconciler = Reconciler(deployments=deployments, specs=specs, target_name="fake", target=target)
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
            reconcile_once(reconciler, look())
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
                artifact=BundleArtifact("default/iris/1", bundle.manifest_digest, bundle.lock_digest),
                replicas=2,
                namespace="default",
                labels={
                    "app": "iris-inference",
                    "app.kubernetes.io/name": "iris-inference",
                    "app.kubernetes.io/component": "inference",
                    "app.kubernetes.io/managed-by": "modelyard",
                    "app.kubernetes.io/version": "1",
                    "modelyard.dev/deployment": deployment.deployment_id,
                    "modelyard.dev/tenant": "default",
                },
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
        deployments.scaling.scale(alice, deployment.deployment_id, 5)
        assert reconcile(2) is DeploymentStatus.READY
        assert look().ready_replicas == 5

    def test_a_failure_and_its_end_are_reported(
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
        assert reconcile(2) is DeploymentStatus.DRAINING
        assert target.deployment_ids() == []
        assert reconcile(1) is DeploymentStatus.STOPPED
        assert deployments.running("fake") == []

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
            reconcile_once(reconciler, before)
        assert look() == before

    def test_one_that_waits_for_a_target_that_is_away_says_so(
        self, reconciler: Reconciler, reconcile: Reconcile, target: FakeTarget, look: Look
    ) -> None:
        target.is_answering = False
        with pytest.raises(Unavailable):
            reconciler.pass_over_all()
        assert (look().status, look().reason) == (DeploymentStatus.PENDING, "The target does not answer.")
        target.is_answering = True
        reconcile(1)
        assert (look().status, look().reason) == (DeploymentStatus.STARTING, None)

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
                reconcile_once(reconciler, look())
        assert (look().status, look().reason) == (DeploymentStatus.PENDING, "no port is free")
        reconcile(1)
        assert (look().status, look().reason) == (DeploymentStatus.STARTING, None)


class TestLease:
    def test_a_process_that_lost_its_lease_does_nothing_on_the_target(
        self,
        reconciler: Reconciler,
        reconcile: Reconcile,
        target: FakeTarget,
        deployments: DeploymentService,
        deployment: Deployment,
        alice: Principal,
        look: Look,
        make_leases: Callable[[], Leases],
        database: Database,
    ) -> None:
        mine, others = make_leases(), make_leases()
        lease = mine.claim("reconciler/fake")
        assert lease is not None
        reconciler._renew_lease = mine.renew
        with database.write() as connection:  # Whichever clock judges it, the lease is over.
            connection.execute(update(leases_table).values(expires_at=datetime(2000, 1, 1, tzinfo=UTC)))
        assert others.claim("reconciler/fake") is not None
        with mine.guarding(lease), pytest.raises(LeaseLostError):
            reconcile(1)
        assert target.deployment_ids() == []
        reconciler._renew_lease = others.renew
        reconcile(3)
        deployments.undeploy(alice, deployment.deployment_id)
        reconciler._renew_lease = mine.renew
        with mine.guarding(lease), pytest.raises(LeaseLostError):
            reconcile(1)
        assert target.observe(deployment.deployment_id, 1).state is ServerState.READY

    def test_an_action_begins_with_a_whole_lease_before_it(
        self, reconciler: Reconciler, reconcile: Reconcile, make_leases: Callable[[], Leases], clock: ManualClock,
        deployment: Deployment,
    ) -> None:  # fmt: skip
        mine, others = make_leases(), make_leases()
        lease = mine.claim("reconciler/fake")
        assert lease is not None
        clock.sleep(5.9)
        reconciler._renew_lease = mine.renew
        with mine.guarding(lease):
            reconcile(1)
        clock.sleep(5)
        assert others.claim("reconciler/fake") is None


class TestArtifacts:
    def test_one_that_the_target_does_not_find_is_built_again_and_why_it_waits_is_reported(
        self,
        make_reconciler: MakeReconciler,
        deployment: Deployment,
        packaging: PackagingService,
        version: Version,
        look: Look,
        until: Callable[..., None],
    ) -> None:
        target = FakeTarget(has_artifact=lambda _: packaging.ready(version) is not None)
        reconciler = make_reconciler(target)
        shutil.rmtree(packaging.bundle(version).path)
        with pytest.raises(Unavailable, match="is being built again"):
            reconcile_once(reconciler, look())
        assert "is being built again" in str(look().reason)
        until(lambda: packaging.ready(version))
        for _ in range(3):
            reconcile_once(reconciler, look())
        assert (look().status, look().reason) == (DeploymentStatus.READY, None)

    def test_a_bundle_of_another_content_is_not_taken_for_it(
        self, deployment: Deployment, packaging: PackagingService, version: Version
    ) -> None:
        bundle = packaging.bundle(version)
        (bundle.path / "manifest.json").write_text("{}")
        assert packaging.ready(version) is None
        packaging.build(version, log=lambda _: None)
        assert packaging.ready(version) is not None


class Settled:
    """Waits until the passes of a reconciler that are under way are over."""

    def __init__(self, reconciler: Reconciler) -> None:
        self._reconciler = reconciler

    def pass_over_all(self) -> None:
        self._reconciler.pass_over_all()
        for future in list(self._reconciler._in_progress.values()):
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

    def test_a_server_that_nobody_wants_is_removed(self, reconciler: Reconciler, target: FakeTarget) -> None:
        target.apply(some_spec("dep-nobody"))
        for _ in range(2):
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

        def read_then_made(name: str) -> list[Deployment]:
            # Between our reading and what follows, another process makes the server.
            known = [
                one for one in running(name) if target.observe(one.deployment_id, 1).state is not ServerState.ABSENT
            ]
            reconcile_once(reconciler, deployment)
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
        apply = target.apply

        def broken(spec: ServerSpec) -> None:
            if spec.deployment_id == deployment.deployment_id:
                raise LookupError
            apply(spec)

        monkeypatch.setattr(target, "apply", broken)
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
        drained, asked, calls = threading.Event(), threading.Event(), []

        def drain(deployment_id: str) -> None:
            calls.append(deployment_id)
            asked.set()
            assert drained.wait(timeout=10)

        monkeypatch.setattr(target, "remove", drain)
        for _ in range(3):
            reconciler.pass_over_all()
            reconciler._in_progress[other.deployment_id].result(timeout=10)
        assert deployments.get(alice, other.deployment_id).status is DeploymentStatus.READY
        assert asked.wait(timeout=10)
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

        def flaky(name: str) -> list[Deployment]:
            if errors:
                raise errors.pop()
            if deployments.get(alice, deployment.deployment_id).status is DeploymentStatus.READY:
                is_ready.set()
            return running(name)

        monkeypatch.setattr(deployments, "running", flaky)
        work = BackgroundWork(name="reconciler", leases=leases, make_pass=reconciler.make_pass, pause_seconds=0.01)
        work.start()
        assert is_ready.wait(timeout=20)
        work.stop()
        assert errors == []
