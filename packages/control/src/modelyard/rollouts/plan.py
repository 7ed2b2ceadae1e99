"""The plan of a roll-out: its steps, and the guardrails that watch it all the time. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from modelyard.analysis.guardrails import AgainstBudget, AgainstProduction, Guardrail
from modelyard.errors import Invalid
from modelyard.traffic.domain import Shadow, Share, Split, Stickiness, StickyBy, grown

MOST_STEPS = 30


class StepKind(StrEnum):
    """What a step does."""

    SHADOW = "shadow"
    """The candidate gets copies of a percentage of the requests, and answers nobody."""
    WEIGHT = "weight"
    """It answers a percentage of them. Copies end."""
    PAUSE = "pause"
    """For some seconds, or until somebody resumes it."""
    ANALYSIS = "analysis"
    """Until every guardrail says that the candidate is not worse."""
    APPROVAL = "approval"
    """Until the request for production is approved, as the model's policy asks."""
    FULL = "full"
    """It answers all of them, and is the version in production: with the same approval, if it has none yet."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step."""

    kind: StepKind
    percent: float | None = None
    """Of SHADOW and WEIGHT."""
    seconds: float | None = None
    """Of PAUSE: None is until somebody resumes it. Of ANALYSIS: after which too little data pauses the roll-out."""
    min_requests: int = 0
    """Of ANALYSIS: how many requests the candidate answers, or is sent copies of, since the step before at least."""

    @property
    def title(self) -> str:
        """For sentences: `weight 5 %`."""
        if self.percent is not None:
            return f"{self.kind} {self.percent:g} %"
        return f"{self.kind} {self.seconds:g} s" if self.kind is StepKind.PAUSE and self.seconds else str(self.kind)


@dataclass(frozen=True, slots=True)
class LatencyGuardrail:
    """Compares the share of answers that are slower than production's usual slow ones."""

    quantile: float = 0.95
    slack: float = 1.25
    """An answer is slow above so many times production's quantile."""
    test: AgainstProduction = field(default_factory=lambda: AgainstProduction(floor=0.1))


@dataclass(frozen=True, slots=True)
class DisagreementGuardrail:
    """Compares the answers of a shadow with those that the callers got."""

    tolerance: float = 1e-3
    """Numbers that differ by less, relative to the larger one, are equal."""
    test: AgainstBudget = field(default_factory=lambda: AgainstBudget(allowed=0.05))


@dataclass(frozen=True, slots=True)
class DriftGuardrail:
    """Compares what the version gets and answers with its training data, and with what production gets and answers.

    It needs 500 rows, and a version whose training data are known.
    """

    against_production: bool = True


@dataclass(frozen=True, slots=True)
class Guardrails:
    """What watches a roll-out; None: not watched. Together they take back a version that is no worse with a probability
    of at most `alpha`, and let pass one that is worse by the margin with at most `beta` each."""

    errors: AgainstProduction | None = field(default_factory=AgainstProduction)
    latency: LatencyGuardrail | None = field(default_factory=LatencyGuardrail)
    disagreement: DisagreementGuardrail | None = field(default_factory=DisagreementGuardrail)
    drift: DriftGuardrail | None = None
    """Only where it is asked for: most versions have no profile of their training data."""
    alpha: float = 0.05
    beta: float = 0.05

    @property
    def watched(self) -> frozenset[Guardrail]:
        """Those that are."""
        return frozenset(one for one in Guardrail if getattr(self, one.value) is not None)


DEFAULT_STEPS = (
    Step(StepKind.WEIGHT, percent=2),
    Step(StepKind.ANALYSIS, seconds=3600, min_requests=50),
    Step(StepKind.WEIGHT, percent=20),
    Step(StepKind.ANALYSIS, seconds=3600, min_requests=200),
    Step(StepKind.WEIGHT, percent=50),
    Step(StepKind.ANALYSIS, seconds=3600, min_requests=200),
    Step(StepKind.FULL),
)


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps, guardrails, who stays with which version, and how long the former version stays warm."""

    steps: tuple[Step, ...] = DEFAULT_STEPS
    guardrails: Guardrails = field(default_factory=Guardrails)
    sticky: Stickiness | None = field(default_factory=Stickiness)
    warm_seconds: float = 600.0
    ready_seconds: float = 3600.0
    """How long the candidate may take until it serves; after that the roll-out goes back."""

    @property
    def tolerance(self) -> float | None:
        """By which numbers of a shadow's answers may differ; None: its answers are not compared."""
        compared = self.guardrails.disagreement
        return None if compared is None else compared.tolerance

    def split_at(self, step: int, *, former: int, candidate: int) -> Split:
        """How requests are divided once this step has begun."""
        percent = shadow = 0.0
        for one in self.steps[: step + 1]:
            if one.kind is StepKind.WEIGHT and one.percent is not None:
                percent, shadow = one.percent, 0.0
            elif one.kind is StepKind.SHADOW and one.percent is not None:
                shadow = one.percent
        return Split(
            shares=grown(former, candidate, percent) if percent else only(former).shares,
            sticky=self.sticky,
            shadow=Shadow(candidate, shadow, self.tolerance) if shadow else None,
        )

    def watched_at(self, step: int) -> frozenset[Guardrail]:
        """The guardrails that have something to look at in this step."""
        split = self.split_at(step, former=1, candidate=2)
        answers = len(split.shares) > 1
        looked_at = {
            Guardrail.ERRORS: answers or split.shadow is not None,
            Guardrail.LATENCY: answers or split.shadow is not None,
            Guardrail.DISAGREEMENT: split.shadow is not None,
            Guardrail.DRIFT: answers or split.shadow is not None,
        }
        return frozenset(one for one in self.guardrails.watched if looked_at[one])


def only(version: int) -> Split:
    """All requests to one version."""
    return Split(shares=(Share(version, 100.0),))


def check_plan(plan: Plan) -> None:
    """Raises:
    Invalid: code `rollout_plan_invalid`, with the field.
    """
    steps = plan.steps
    if not 1 <= len(steps) <= MOST_STEPS:
        raise _invalid("steps", f"expected 1 to {MOST_STEPS}, got {len(steps)}")
    ends = [index for index, step in enumerate(steps) if step.kind is StepKind.FULL]
    if ends != [len(steps) - 1]:
        raise _invalid("steps", f"expected one step full, the last one, got {len(ends)}")
    percent = 0.0
    for index, step in enumerate(steps):
        if step.kind is StepKind.WEIGHT:
            percent = _grown_percent(index, step, percent)
        if step.kind is StepKind.SHADOW and not 0 < (step.percent or 0) <= 100:
            raise _invalid(f"steps.{index}.shadow", f"expected more than 0 and at most 100, got {step.percent}")
        if step.kind is StepKind.ANALYSIS and not plan.watched_at(index):
            raise _invalid(
                f"steps.{index}.analysis",
                "expected a step shadow or weight before it and a guardrail that watches it, got nothing to look at",
            )


def _grown_percent(index: int, step: Step, before: float) -> float:
    percent = step.percent or 0.0
    if not before < percent < 100:
        raise _invalid(
            f"steps.{index}.weight",
            f"expected more than {before:g}, which the candidate has by then, and less than 100, got {percent:g}",
        )
    return percent


def _invalid(field_name: str, said: str) -> Invalid:
    return Invalid(f"{field_name}: {said}", code="rollout_plan_invalid", field=field_name)


# As plain values, for rows and for the audit log.


def plan_to_json(plan: Plan) -> dict[str, Any]:
    """A plan as it is stored, and as a file of one reads."""
    return {
        "steps": [_step_to_json(step) for step in plan.steps],
        "guardrails": _guardrails_to_json(plan.guardrails),
        "sticky": None if plan.sticky is None else {"by": plan.sticky.by.value, "name": plan.sticky.name},
        "warm_seconds": plan.warm_seconds,
        "ready_seconds": plan.ready_seconds,
    }


def plan_of_json(content: Mapping[str, Any]) -> Plan:
    """The same, read."""
    sticky = content["sticky"]
    return Plan(
        steps=tuple(_step_of_json(step) for step in content["steps"]),
        guardrails=_guardrails_of_json(content["guardrails"]),
        sticky=None if sticky is None else Stickiness(StickyBy(sticky["by"]), sticky["name"]),
        warm_seconds=content["warm_seconds"],
        ready_seconds=content.get("ready_seconds", 3600.0),
    )


def _step_to_json(step: Step) -> dict[str, Any]:
    match step.kind:
        case StepKind.SHADOW | StepKind.WEIGHT:
            return {step.kind.value: step.percent}
        case StepKind.PAUSE:
            return {"pause": {"seconds": step.seconds}}
        case StepKind.ANALYSIS:
            return {"analysis": {"seconds": step.seconds, "min_requests": step.min_requests}}
        case _:
            return {step.kind.value: True}


def _step_of_json(content: Mapping[str, Any]) -> Step:
    ((name, value),) = content.items()
    kind = StepKind(name)
    match kind:
        case StepKind.SHADOW | StepKind.WEIGHT:
            return Step(kind, percent=value)
        case StepKind.PAUSE | StepKind.ANALYSIS:
            return Step(kind, **value)
        case _:
            return Step(kind)


def _guardrails_to_json(rails: Guardrails) -> dict[str, Any]:
    errors, latency, disagreement = rails.errors, rails.latency, rails.disagreement
    return {
        "errors": None if errors is None else {"margin": errors.margin, "floor": errors.floor},
        "latency": None
        if latency is None
        else {
            "quantile": latency.quantile,
            "slack": latency.slack,
            "margin": latency.test.margin,
            "floor": latency.test.floor,
        },
        "disagreement": None
        if disagreement is None
        else {
            "tolerance": disagreement.tolerance,
            "allowed": disagreement.test.allowed,
            "margin": disagreement.test.margin,
        },
        "drift": None if rails.drift is None else {"against_production": rails.drift.against_production},
        "alpha": rails.alpha,
        "beta": rails.beta,
    }


def _guardrails_of_json(content: Mapping[str, Any]) -> Guardrails:
    errors, latency, disagreement, drift = (content.get(one.value) for one in Guardrail)
    return Guardrails(
        errors=None if errors is None else AgainstProduction(**errors),
        latency=None
        if latency is None
        else LatencyGuardrail(
            latency["quantile"], latency["slack"], AgainstProduction(latency["margin"], latency["floor"])
        ),
        disagreement=None
        if disagreement is None
        else DisagreementGuardrail(
            disagreement["tolerance"], AgainstBudget(disagreement["allowed"], disagreement["margin"])
        ),
        drift=None if drift is None else DriftGuardrail(**drift),
        alpha=content["alpha"],
        beta=content["beta"],
    )
