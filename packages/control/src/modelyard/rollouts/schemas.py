"""Roll-outs and their plans on the wire. A file of a plan has the same fields, as YAML."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from modelyard.analysis.guardrails import AgainstBudget, AgainstProduction, Guardrail, Verdict
from modelyard.http.bodies import RequestBody
from modelyard.registry.schemas import Answer
from modelyard.rollouts.domain import Rollout
from modelyard.rollouts.measures import findings
from modelyard.rollouts.plan import (
    DEFAULT_STEPS,
    DisagreementGuardrail,
    DriftGuardrail,
    Guardrails,
    LatencyGuardrail,
    Plan,
    Step,
    StepKind,
    plan_to_json,
)
from modelyard.rollouts.plan_store import StoredPlan
from modelyard.rollouts.states import RolloutStatus
from modelyard.traffic.schemas import StickyBody

Percent = Annotated[float, Field(gt=0, le=100)]
Seconds = Annotated[float, Field(ge=0, le=30 * 24 * 3600)]
Share = Annotated[float, Field(gt=0, lt=1)]
Margin = Annotated[float, Field(ge=1.05, le=100, description="times production's odds")]
Level = Annotated[float, Field(ge=1e-6, le=0.5)]
Reason = Annotated[str, Field(max_length=2000)]


class PauseBody(RequestBody):
    """For so long, or until somebody resumes the roll-out."""

    seconds: Seconds | None = None


class AnalysisBody(RequestBody):
    """Until every guardrail says that the candidate is not worse; after `seconds` too little data pauses the
    roll-out."""

    seconds: Seconds | None = 3600.0
    min_requests: int = Field(default=0, ge=0, le=10_000_000)


class StepBody(RequestBody):
    """One step: exactly one of these."""

    shadow: Percent | None = None
    weight: Percent | None = None
    pause: PauseBody | None = None
    analysis: AnalysisBody | None = None
    approval: Literal[True] | None = None
    full: Literal[True] | None = None

    @model_validator(mode="after")
    def _is_one(self) -> "StepBody":
        given = [kind.value for kind in StepKind if getattr(self, kind.value) is not None]
        if len(given) != 1:
            raise ValueError(f"expected exactly one of {', '.join(StepKind)}, got {', '.join(given) or 'none'}")
        return self

    def step(self) -> Step:
        """As the domain has it."""
        if self.pause is not None:
            return Step(StepKind.PAUSE, seconds=self.pause.seconds)
        if self.analysis is not None:
            return Step(StepKind.ANALYSIS, seconds=self.analysis.seconds, min_requests=self.analysis.min_requests)
        kind = next(kind for kind in StepKind if getattr(self, kind.value) is not None)
        return Step(kind, percent=self.shadow or self.weight)


class ErrorsBody(RequestBody):
    """Answers with a status of 500 and above, and requests that got none."""

    margin: Margin = 2.0
    floor: Share = 0.02


class LatencyBody(RequestBody):
    """Answers slower than `slack` times production's `quantile`."""

    quantile: Annotated[float, Field(ge=0.5, lt=1)] = 0.95
    slack: Annotated[float, Field(ge=1, le=100)] = 1.25
    margin: Margin = 2.0
    floor: Share = 0.1


class DisagreementBody(RequestBody):
    """Answers of a shadow that are others than the callers got."""

    tolerance: Annotated[float, Field(ge=0, lt=1)] = 1e-3
    allowed: Share = 0.05
    margin: Margin = 2.0


class DriftBody(RequestBody):
    """Inputs and answers that are distributed otherwise than the training data, and than in production."""

    against_production: bool = True


class GuardrailsBody(RequestBody):
    """What watches the roll-out all the time; null switches one off."""

    errors: ErrorsBody | None = Field(default_factory=ErrorsBody)
    latency: LatencyBody | None = Field(default_factory=LatencyBody)
    disagreement: DisagreementBody | None = Field(default_factory=DisagreementBody)
    drift: DriftBody | None = Field(
        default=None, description="`{}` switches it on; it needs a version whose training data are known, and 500 rows"
    )
    alpha: Level = Field(default=0.05, description="how often a version that is no worse is taken back at most")
    beta: Level = Field(default=0.05, description="how often one that is worse by the margin passes at most")

    def guardrails(self) -> Guardrails:
        """As the domain has them."""
        errors, latency, disagreement = self.errors, self.latency, self.disagreement
        return Guardrails(
            errors=None if errors is None else AgainstProduction(errors.margin, errors.floor),
            latency=None
            if latency is None
            else LatencyGuardrail(latency.quantile, latency.slack, AgainstProduction(latency.margin, latency.floor)),
            disagreement=None
            if disagreement is None
            else DisagreementGuardrail(
                disagreement.tolerance, AgainstBudget(disagreement.allowed, disagreement.margin)
            ),
            drift=None if self.drift is None else DriftGuardrail(self.drift.against_production),
            alpha=self.alpha,
            beta=self.beta,
        )


class PlanBody(RequestBody):
    """Steps, guardrails, who stays with which version, and how long the former version stays warm."""

    steps: list[StepBody] | None = Field(default=None, description="2 %, 20 %, 50 % and full, when left out")
    guardrails: GuardrailsBody = Field(default_factory=GuardrailsBody)
    sticky: StickyBody | None = Field(default_factory=StickyBody)
    warm_seconds: Seconds = 600.0
    ready_seconds: Annotated[float, Field(gt=0, le=30 * 24 * 3600)] = Field(
        default=3600.0, description="how long the candidate may take until it serves; then the roll-out goes back"
    )

    def plan(self) -> Plan:
        """As the domain has it."""
        return Plan(
            steps=DEFAULT_STEPS if self.steps is None else tuple(step.step() for step in self.steps),
            guardrails=self.guardrails.guardrails(),
            sticky=None if self.sticky is None else self.sticky.stickiness(),
            warm_seconds=self.warm_seconds,
            ready_seconds=self.ready_seconds,
        )


class StartBody(RequestBody):
    """Which version takes over. Without a version that in staging; without a plan the model's own, else the default."""

    name: str
    version: int | None = Field(default=None, ge=1)
    plan: PlanBody | None = None


class ReasonBody(RequestBody):
    """Why."""

    reason: Reason = ""


class FindingAnswer(Answer):
    """What a guardrail says."""

    guardrail: Guardrail
    verdict: Verdict
    message: str


class RolloutAnswer(Answer):
    """A roll-out."""

    rollout_id: str
    name: str
    former: int
    candidate: int
    status: RolloutStatus
    step: int
    steps: list[str]
    step_since: datetime
    percent: float
    shadow_percent: float
    reason: str | None
    findings: list[FindingAnswer]
    step_requests: int
    request_id: str | None
    job_id: str | None
    is_promoted: bool
    plan: dict[str, Any]
    created_by: str
    created_at: datetime
    updated_at: datetime
    revision: int

    @classmethod
    def of(cls, rollout: Rollout) -> "RolloutAnswer":
        """The roll-out on the wire."""
        split = rollout.split
        found = findings(rollout.progress, rollout.plan)
        return cls(
            rollout_id=rollout.rollout_id,
            name=rollout.model_name,
            former=rollout.former,
            candidate=rollout.candidate,
            status=rollout.status,
            step=rollout.step,
            steps=[step.title for step in rollout.plan.steps],
            step_since=rollout.step_since,
            percent=rollout.percent,
            shadow_percent=0.0 if split is None or split.shadow is None else split.shadow.percent,
            reason=rollout.reason,
            findings=[
                FindingAnswer(guardrail=rail, verdict=one.verdict, message=one.message) for rail, one in found.items()
            ],
            step_requests=rollout.progress.step_requests,
            request_id=rollout.request_id,
            job_id=rollout.job_id,
            is_promoted=rollout.is_promoted,
            plan=plan_to_json(rollout.plan),
            created_by=rollout.created_by,
            created_at=rollout.created_at,
            updated_at=rollout.updated_at,
            revision=rollout.revision,
        )


class RolloutsAnswer(Answer):
    """A page of roll-outs, newest first."""

    rollouts: list[RolloutAnswer]
    next_cursor: str | None


class PlanAnswer(Answer):
    """The plan by which promotions of a model are rolled out."""

    name: str
    plan: dict[str, Any]
    updated_by: str
    updated_at: datetime
    revision: int

    @classmethod
    def of(cls, stored: StoredPlan) -> "PlanAnswer":
        """The plan on the wire."""
        return cls(
            name=stored.model_name,
            plan=plan_to_json(stored.plan),
            updated_by=stored.updated_by,
            updated_at=stored.updated_at,
            revision=stored.revision,
        )
