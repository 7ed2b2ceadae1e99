"""The evidence of guardrails on the wire."""

from pydantic import Field

from modelyard.analysis.guardrails import Guardrail, Verdict
from modelyard.registry.schemas import Answer
from modelyard.rollouts.domain import Rollout
from modelyard.rollouts.measures import Finding, findings, standing, tests


class SeenAnswer(Answer):
    """Requests of one version, and how many of them were what the guardrail watches for."""

    requests: int
    events: int


class EvidencePoint(Answer):
    """E-values as decimal logarithms after so many requests of the candidate."""

    requests: int
    worse: float
    not_worse: float


class GuardrailAnalysis(Answer):
    """The evidence of one guardrail. It decides where an e-value reaches its bound: 1 / level."""

    guardrail: Guardrail
    verdict: Verdict
    message: str
    candidate: SeenAnswer
    former: SeenAnswer
    worse_bound: float = Field(description="the decimal logarithm at which the candidate is worse")
    not_worse_bound: float = Field(description="the same at which it is not worse by more than the margin")
    points: list[EvidencePoint] = Field(description="from look to look, thinned out; the last one is of now")

    @classmethod
    def of(cls, rollout: Rollout, rail: Guardrail, finding: Finding) -> "GuardrailAnalysis":
        """On the wire."""
        evidence = rollout.progress.evidence.get(rail, tests(rollout.plan.guardrails)[rail].start)
        bounds = standing(rollout.plan.guardrails, rail, evidence)
        return cls(
            guardrail=rail,
            verdict=finding.verdict,
            message=finding.message,
            candidate=SeenAnswer(requests=evidence.canary.trials, events=evidence.canary.events),
            former=SeenAnswer(requests=evidence.control.trials, events=evidence.control.events),
            worse_bound=bounds.worse_bound,
            not_worse_bound=bounds.not_worse_bound,
            points=[
                EvidencePoint(requests=point.requests, worse=point.worse, not_worse=point.not_worse)
                for point in rollout.progress.trails.get(rail, ())
            ],
        )


class AnalysisAnswer(Answer):
    """What a roll-out knows of its candidate: the evidence of each guardrail that is tested in sequence.

    Drift is judged by itself, and stands among the findings of the roll-out.
    """

    rollout_id: str
    slow_ms: float | None = Field(description="above this an answer is slow; null while it is not known")
    guardrails: list[GuardrailAnalysis]

    @classmethod
    def of(cls, rollout: Rollout) -> "AnalysisAnswer":
        """On the wire."""
        tested = tests(rollout.plan.guardrails)
        found = findings(rollout.progress, rollout.plan)
        return cls(
            rollout_id=rollout.rollout_id,
            slow_ms=rollout.progress.slow_ms,
            guardrails=[GuardrailAnalysis.of(rollout, rail, found[rail]) for rail in tested],
        )
