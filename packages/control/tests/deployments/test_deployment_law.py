"""The law of deployments, held against random wishes, targets that misbehave, and crashes between two words."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import wait
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from reconciling import some_spec
from registries import registry_service

from modelyard.adapters.clock.manual import ManualClock
from modelyard.adapters.environments import FakeEnvironments
from modelyard.adapters.target.fake import FakeTarget
from modelyard.adapters.tracking import FakeTracking
from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.deployments.artifacts import BundleArtifacts
from modelyard.deployments.reconciler import Reconciler
from modelyard.deployments.service import DeploymentService
from modelyard.deployments.specs import ServerSpecs
from modelyard.deployments.states import TRANSITIONS, DeploymentStatus, DesiredState
from modelyard.deployments.targets import Targets
from modelyard.errors import Conflict, Unavailable
from modelyard.leases.service import Leases
from modelyard.outbox.service import Outbox
from modelyard.packaging.compiler import NoCompiler
from modelyard.packaging.profiling import NoProfiler
from modelyard.packaging.rebuilding import Rebuilding
from modelyard.packaging.service import PackagingService
from modelyard.principals import Principal, Role

ALICE = Principal(tenant_id="default", subject="alice", role=Role.DEVELOPER)
FILES = {"MLmodel": b"flavors: {sklearn: {}}\n", "model.pkl": b"never unpickled here"}
MOVES = {f"deployment.{status}" for status in DeploymentStatus}


class Crash(BaseException):
    """What `kill -9` looks like from inside."""


class DeploymentLaw(RuleBasedStateMachine):
    """Whatever was wished and whatever broke: once it is quiet, exactly what is wanted runs, and it says so."""

    template: Path
    made: Bundle[str] = Bundle("made")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        shutil.copy(self.template, self.folder / "modelyard.db")
        self.database = Database(f"sqlite:///{self.folder}/modelyard.db")
        self.clock, self.target, self.tracking = ManualClock(), FakeTarget(), FakeTracking()
        self.audit = AuditLog(database=self.database, clock=self.clock)
        self.registry = registry_service(
            self.database,
            self.clock,
            self.folder,
            tracking=self.tracking,
            audit=self.audit,
            outbox=Outbox(clock=self.clock),
        )
        self.packaging = PackagingService(
            database=self.database,
            clock=self.clock,
            tracking=self.tracking,
            registry=self.registry,
            environments=FakeEnvironments(self.folder / "environments"),
            compiler=NoCompiler(),
            profiler=NoProfiler(),
            folder=self.folder / "bundles",
            scratch=self.folder / "scratch",
            leases=Leases(database=self.database, clock=self.clock, holder="law", lasts=timedelta(seconds=6)),
            require_space=lambda _: None,
        )
        logged = self.tracking.log_model(self.tracking.log_run("iris"), "model", FILES)
        self.version = self.registry.register(ALICE, model_name="iris", logged=logged)
        logged = self.tracking.log_model(self.tracking.log_run("iris"), "model", FILES)
        for version in (self.version, self.registry.register(ALICE, model_name="iris", logged=logged)):
            self.packaging.build(version, log=lambda _: None)
        self.wanted: dict[str, int] = {}
        self.count = 0
        self.named: list[str] = []
        self.replacing: list[str] = []
        self.start()

    def start(self) -> None:
        """A process begins, the first or the next one after a crash."""
        self.deployments = DeploymentService(
            database=self.database,
            clock=self.clock,
            audit=self.audit,
            registry=self.registry,
            targets=Targets({"fake": self.target}),
        )
        rebuilding = Rebuilding(packaging=self.packaging, clock=self.clock)
        bundles = BundleArtifacts(packaging=self.packaging, rebuilding=rebuilding, registry=self.registry)
        specs = ServerSpecs(deployments=self.deployments, bundles=bundles, images=bundles)
        self.reconciler = Reconciler(deployments=self.deployments, specs=specs, target_name="fake", target=self.target)

    @rule(target=made, replicas=st.integers(1, 3))
    def deploy(self, replicas: int) -> str:
        self.count += 1
        deployment = self.deployments.create(
            ALICE, self.version, replicas=replicas, namespace="default", job_id=f"job-{self.count}"
        )
        self.wanted[deployment.deployment_id] = replicas
        self.named.append(deployment.deployment_id)
        return deployment.deployment_id

    @rule(deployment_id=made, replicas=st.integers(1, 3))
    def scale(self, deployment_id: str, replicas: int) -> None:
        try:
            self.deployments.scaling.scale(ALICE, deployment_id, replicas)
        except Conflict:
            assert deployment_id not in self.wanted
        else:
            self.wanted[deployment_id] = replicas

    @rule(deployment_id=made, version=st.integers(1, 2), is_built=st.booleans())
    def replace(self, deployment_id: str, version: int, is_built: bool) -> None:  # noqa: FBT001 - As below.
        self.count += 1
        try:
            self.deployments.replace(ALICE, deployment_id, version, job_id=f"job-{self.count}")
        except Conflict:
            return
        self.replacing.append(f"job-{self.count}")
        if is_built:
            self.deployments.replacements.start(self.replacing[-1])

    @precondition(lambda self: self.replacing)
    @rule(data=st.data())
    def give_up_replacing(self, data: st.DataObject) -> None:
        self.deployments.replacements.give_up(data.draw(st.sampled_from(self.replacing)), "its job was cancelled")

    @rule(deployment_id=made)
    def undeploy(self, deployment_id: str) -> None:
        assert self.deployments.undeploy(ALICE, deployment_id).desired_state is DesiredState.STOPPED
        self.wanted.pop(deployment_id, None)

    @precondition(lambda self: self.target.deployment_ids())
    @rule(data=st.data(), misfortune=st.sampled_from(["fail", "recover", "vanish"]))
    def befall(self, data: st.DataObject, misfortune: str) -> None:
        """Something happens to a server that is there."""
        # In the order in which they were named: their ids are random, and the same draws must meet the same servers.
        there = set(self.target.deployment_ids())
        server = data.draw(st.sampled_from([name for name in self.named if name in there]))
        if misfortune == "fail":
            self.target.fail(server, "it broke")
        else:
            getattr(self.target, misfortune)(server)

    @rule()
    def be_away(self) -> None:
        """A pass finds that the target does not answer."""
        self.target.is_answering = False
        with suppress(Unavailable):
            self.settle()
        self.target.is_answering = True

    @rule()
    def stray(self) -> None:
        """A server stands there that no deployment knows of, left by who knows whom."""
        self.count += 1
        self.named.append(f"dep-stray-{self.count}")
        self.target.apply(some_spec(self.named[-1]))

    @rule(passes=st.integers(1, 4))
    def reconcile(self, passes: int) -> None:
        for _ in range(passes):
            self.settle()

    @rule(
        verb=st.sampled_from(["apply", "remove", "retire", "note", "switch", "finish", "give_up"]),
        is_done=st.booleans(),
    )
    def crash_at(self, verb: str, is_done: bool) -> None:  # noqa: FBT001 - Hypothesis gives it by name.
        """The process dies when it says this word for the first time, before or after it was heard."""
        owner: Any = self.target
        if verb == "note":
            owner = self.deployments
        elif verb in {"switch", "finish", "give_up"}:
            owner = self.deployments.replacements
        with self.dying_at(owner, verb, is_done=is_done):
            self.settle()
        self.start()

    @invariant()
    def every_way_is_in_the_table(self) -> None:
        status: dict[str, DeploymentStatus] = {}
        for entry in self.audit.entries(ALICE.tenant_id):
            before = status.get(entry.subject, DeploymentStatus.PENDING)
            if entry.action in MOVES:
                moved = DeploymentStatus(entry.action.removeprefix("deployment."))
                assert moved in TRANSITIONS[before]
                status[entry.subject] = moved

    @invariant()
    def one_generation_at_least_is_at_the_address_of_what_serves(self) -> None:
        """A server that answers is never taken away before the one that takes its place."""
        for deployment in self.deployments.running("fake"):
            if deployment.desired_state is DesiredState.RUNNING and deployment.status is DeploymentStatus.READY:
                generations = self.target.generations(deployment.deployment_id)
                assert not generations or deployment.generation in generations

    def teardown(self) -> None:
        for deployment_id in self.target.deployment_ids():
            self.target.recover(deployment_id)
        for job_id in self.replacing:
            self.deployments.replacements.start(job_id)
        for _ in range(10):
            self.settle()
        running = {one.deployment_id: one for one in self.deployments.running("fake")}
        assert set(self.target.deployment_ids()) == running.keys() == self.wanted.keys()
        for deployment_id, deployment in running.items():
            replicas = self.wanted[deployment_id]
            assert (deployment.status, deployment.reason) == (DeploymentStatus.READY, None)
            assert (deployment.replicas, deployment.ready_replicas) == (replicas, replicas)
            assert self.target.generations(deployment_id) == [deployment.generation]
            assert self.target.spec(deployment_id, deployment.generation).version == deployment.version
        for replacement in map(self.deployments.replacements.of_job, self.replacing):
            assert replacement is not None
            assert not replacement.status.is_under_way
        self.reconciler.stop()
        self.database.close()
        shutil.rmtree(self.folder)

    def settle(self) -> None:
        """One pass, to its end."""
        self.reconciler.pass_over_all()
        wait(self.reconciler._in_progress.values())

    @contextmanager
    def dying_at(self, owner: Any, verb: str, *, is_done: bool) -> Iterator[None]:
        real: Callable[..., Any] = getattr(owner, verb)

        def dies(*args: Any, **kwargs: Any) -> None:
            if is_done:
                real(*args, **kwargs)
            raise Crash

        setattr(owner, verb, dies)
        try:
            yield
        finally:
            delattr(owner, verb)


class TestDeployments:
    def test_once_it_is_quiet_exactly_what_is_desired_runs(self, sqlite_template: Path) -> None:
        quick = settings(
            max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
        )
        DeploymentLaw.template = sqlite_template
        run_state_machine_as_test(DeploymentLaw, settings=quick)
