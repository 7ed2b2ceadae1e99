"""A model with a version in production that serves and one in staging, and a meter that counts what a test says."""

from collections.abc import Callable
from dataclasses import dataclass, field

from reconciling import reconcile

from modelyard.adapters.clock.manual import ManualClock
from modelyard.deployments.states import DeploymentStatus
from modelyard.main import ControlPlane
from modelyard.main.rollouts import RolloutParts
from modelyard.ports.tracking import LoggedModel
from modelyard.principals import Principal, Role
from modelyard.registry.domain import Version
from modelyard.registry.states import Stage
from modelyard.rollouts.domain import Rollout
from modelyard.rollouts.measures import Comparison, Measured, Reading
from modelyard.rollouts.plan import Guardrails, Plan, Step, StepKind
from modelyard.traffic.domain import Split

MODEL = "iris"
APPROVER = Principal(tenant_id="default", subject="bert", role=Role.APPROVER)
SHORT = Plan(
    steps=(
        Step(StepKind.WEIGHT, percent=10),
        Step(StepKind.ANALYSIS, seconds=600, min_requests=100),
        Step(StepKind.WEIGHT, percent=50),
        Step(StepKind.FULL),
    ),
    guardrails=Guardrails(latency=None, disagreement=None),
    warm_seconds=60,
)


@dataclass
class ScriptedMeter:
    """Counts by version since the beginning, as a gateway does."""

    requests: dict[int, int] = field(default_factory=dict)
    errors: dict[int, int] = field(default_factory=dict)
    slower: dict[int, int] = field(default_factory=dict)
    comparisons: list[Comparison] = field(default_factory=list)

    def measure(self, rollout: Rollout) -> Measured:
        """What was counted by now."""
        readings = [
            Reading(
                source="node",
                version=version,
                requests=self.requests.get(version, 0),
                errors=self.errors.get(version, 0),
                timed=self.requests.get(version, 0),
                slower=((100.0, self.slower.get(version, 0)),),
            )
            for version in (rollout.former, rollout.candidate)
        ]
        return Measured(readings=readings, comparisons=self.comparisons)

    def count(self, version: int, requests: int, *, errors: int = 0) -> None:
        """Some more requests of a version."""
        self.requests[version] = self.requests.get(version, 0) + requests
        self.errors[version] = self.errors.get(version, 0) + errors


class RolloutWorld:
    """One control plane over fakes, whose background work a test does pass by pass."""

    def __init__(
        self, control_plane: ControlPlane, principal: Principal, log_model: Callable[..., LoggedModel]
    ) -> None:
        self.control_plane = control_plane
        self.principal = principal
        self.meter = ScriptedMeter()
        self._log_model = log_model
        self.parts = self.restarted()
        self.rollouts = self.parts.rollouts
        clock = control_plane._context.clock
        assert isinstance(clock, ManualClock)
        self.clock = clock
        self.former = self.staged()
        self.promote(self.former)
        self.deploy(self.former)
        self.candidate = self.staged()

    def restarted(self) -> RolloutParts:
        """What another process makes of the same database."""
        plane = self.control_plane
        return RolloutParts(
            plane._context,
            plane.jobs,
            plane.registry_parts,
            plane.deployment_parts,
            plane.drift_parts.drift,
            plane.counting,
            self.meter,
        )

    def staged(self) -> Version:
        """Another version, in staging."""
        version = self.control_plane.registry.register(self.principal, model_name=MODEL, logged=self._log_model())
        return self.control_plane.promotion.change_stage(
            self.principal, version, Stage.STAGING, comment="ready", revision=None
        )

    def promote(self, version: Version) -> None:
        """Ask for production, and have it approved."""
        request = self.control_plane.promotion.request(self.principal, version, comment="please")
        self.approve(request.request_id)

    def approve(self, request_id: str | None) -> None:
        """Agree to a request."""
        assert request_id is not None
        self.control_plane.promotion.approve(APPROVER, MODEL, request_id, comment="yes", revision=None)

    def deploy(self, version: Version, job_id: str | None = None) -> str:
        """A deployment that serves the version."""
        self.control_plane.packaging.build(version, log=lambda _: None)
        made = self.control_plane.deployments.create(
            self.principal, version, replicas=1, namespace="default", job_id=job_id or f"job-{version.version}"
        )
        self.settle()
        return made.deployment_id

    def settle(self) -> None:
        """Let deployments become what they shall be."""
        reconciler = self.control_plane.deployment_parts.reconcilers[0]
        for _ in range(3):
            for deployment in self.control_plane.deployments.running(reconciler.target_name):
                reconcile(reconciler, deployment)

    def serving(self) -> set[int]:
        """The versions that a ready deployment serves."""
        page = self.control_plane.deployments.page(self.principal, status=DeploymentStatus.READY)
        return {one.version for one in page.items}

    def start(self, plan: Plan = SHORT) -> Rollout:
        """A roll-out of the version in staging."""
        return self.rollouts.start(self.principal, MODEL, None, plan)

    def begun(self, plan: Plan = SHORT) -> Rollout:
        """One whose candidate serves, at its first step, and whose counters were read once."""
        rollout = self.start(plan)
        self.look()
        self.deploy(self.candidate, job_id=self.now(rollout).job_id)
        self.look(2)
        return self.now(rollout)

    def look(self, times: int = 1) -> None:
        """Passes of the reconciler."""
        for _ in range(times):
            self.parts.reconciler.make_pass()

    def now(self, rollout: Rollout) -> Rollout:
        """As it stands now."""
        return self.rollouts.get(self.principal, rollout.rollout_id)

    def split(self) -> Split | None:
        """How requests are divided now."""
        found = self.parts.traffic.of_tenant(self.principal)
        return found[0].split if found else None

    def production(self) -> int | None:
        """The version in production."""
        return self.control_plane.registry.model(self.principal, MODEL).production_version

    def actions(self, subject: str) -> list[str]:
        """What the audit log says of something."""
        return [entry.action for entry in self.control_plane.audit.entries("default", subject=subject)]
