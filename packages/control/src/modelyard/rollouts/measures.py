"""What was measured of two versions, from one look to the next. Pure.

The gateway and the model servers count from their own start on. A counter that is smaller than at the last look began
anew, so all of it came since then.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from modelyard.analysis.counts import NONE, Counts
from modelyard.analysis.guardrails import Evidence, Guardrail, Standing, Test, Verdict, split_alpha
from modelyard.rollouts import trail
from modelyard.rollouts.plan import Guardrails, LatencyGuardrail, Plan
from modelyard.rollouts.trail import Point, Trail

_LEAST_FOR_QUANTILE = 100
"""Requests of production before its slow answers are known."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one place has counted of the requests of one version since it began to."""

    source: str
    """Which gateway node, for example."""
    version: int
    requests: int
    errors: int
    timed: int = 0
    """How many of them have a time; it is known a little later than their number."""
    slower: tuple[tuple[float, int], ...] = ()
    """Bounds in milliseconds, ascending, and how many answers were slower than each."""

    @property
    def key(self) -> str:
        return f"{self.source}/{self.version}"

    @property
    def counters(self) -> dict[str, int]:
        """Each counter by name."""
        return {
            "requests": self.requests,
            "errors": self.errors,
            "timed": self.timed,
            **{f"slower/{bound:g}": count for bound, count in self.slower},
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """How many answers of a shadow were compared with those that callers got, and how many were others."""

    source: str
    compared: int
    different: int


@dataclass(frozen=True, slots=True)
class Finding:
    """What a guardrail says, and in one sentence why."""

    verdict: Verdict
    message: str


@dataclass(frozen=True, slots=True)
class Measured:
    """Everything that one look found."""

    readings: Sequence[Reading] = ()
    comparisons: Sequence[Comparison] = ()
    drift: Finding | None = None
    """What is said of drift; None where it is not watched, or could not be asked."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What a roll-out knows of its versions."""

    evidence: Mapping[Guardrail, Evidence] = field(default_factory=dict)
    last: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """The counters at the last look."""
    slow_ms: float | None = None
    """Above this an answer is slow; None while production's latency is not known."""
    step_requests: int = 0
    """Of the candidate, since the last step that changed its share."""
    drift: Finding | None = None
    """What was said of drift at the last look."""
    trails: Mapping[Guardrail, Trail] = field(default_factory=dict)
    """What the evidence of each guardrail was, from look to look."""

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "evidence": {rail.value: evidence.to_json() for rail, evidence in self.evidence.items()},
            "last": {key: dict(counters) for key, counters in self.last.items()},
            "slow_ms": self.slow_ms,
            "step_requests": self.step_requests,
            "drift": None if self.drift is None else [self.drift.verdict.value, self.drift.message],
            "trails": {rail.value: trail.to_json(one) for rail, one in self.trails.items()},
        }

    @classmethod
    def of_json(cls, content: Mapping[str, Any]) -> "Progress":
        """The same, read."""
        drift = content.get("drift")
        return cls(
            drift=None if drift is None else Finding(Verdict(drift[0]), drift[1]),
            evidence={Guardrail(rail): Evidence.of_json(one) for rail, one in content["evidence"].items()},
            last=content["last"],
            slow_ms=content["slow_ms"],
            step_requests=content["step_requests"],
            trails={Guardrail(rail): trail.of_json(one) for rail, one in content.get("trails", {}).items()},
        )


def look(progress: Progress, plan: Plan, measured: Measured, *, former: int, candidate: int) -> Progress:
    """The progress after this look. The first look only begins to count."""
    rails = plan.guardrails
    slow_ms = progress.slow_ms
    if slow_ms is None and rails.latency is not None:
        slow_ms = slow_bound(rails.latency, [one for one in measured.readings if one.version == former])
    last = {key: dict(counters) for key, counters in progress.last.items()}
    totals: dict[int, dict[str, int]] = {former: {}, candidate: {}}
    for reading in measured.readings:
        if reading.version in totals:
            _add(totals[reading.version], _since(last, reading.key, reading.counters, is_begun=bool(progress.last)))
    compared: dict[str, int] = {}
    for one in measured.comparisons:
        counters = {"compared": one.compared, "different": one.different}
        _add(compared, _since(last, f"{one.source}/comparison", counters, is_begun=True))
    evidence, trails = dict(progress.evidence), dict(progress.trails)
    for rail, test in tests(rails).items():
        canary, control = (
            (_counts(compared, "compared", "different"), NONE)
            if rail is Guardrail.DISAGREEMENT
            else (_of(rail, totals[candidate], progress.slow_ms), _of(rail, totals[former], progress.slow_ms))
        )
        if canary.trials or control.trials:
            evidence[rail] = seen = test.look(evidence.get(rail, test.start), canary, control)
            point = Point.of(seen.canary.trials, standing(rails, rail, seen))
            trails[rail] = trail.grown(trails.get(rail, ()), point)
    requests = totals[candidate].get("requests", 0)
    return Progress(
        evidence=evidence,
        last=last,
        slow_ms=slow_ms,
        step_requests=progress.step_requests + requests,
        drift=measured.drift or progress.drift,
        trails=trails,
    )


def at_new_share(progress: Progress) -> Progress:
    """The progress when the candidate's share has changed.

    Requests of production that came before are dropped where the candidate had none to compare them with, as in a
    shadow step: load changes over time, so only answers of the same time are compared.
    """
    evidence = {rail: replace(one, pending_control=NONE) for rail, one in progress.evidence.items()}
    return replace(progress, evidence=evidence, step_requests=0)


def findings(progress: Progress, plan: Plan) -> Mapping[Guardrail, Finding]:
    """What each guardrail that is watched says now."""
    rails = plan.guardrails
    found: dict[Guardrail, Finding] = {}
    for rail, test in tests(rails).items():
        evidence = progress.evidence.get(rail, test.start)
        found[rail] = Finding(standing(rails, rail, evidence).verdict, _sentence(rail, evidence, progress.slow_ms))
    if rails.drift is not None:
        found[Guardrail.DRIFT] = progress.drift or Finding(Verdict.TOO_LITTLE_DATA, "nothing is counted yet")
    return found


def standing(rails: Guardrails, rail: Guardrail, evidence: Evidence) -> Standing:
    """How far the evidence of a guardrail has come, at its part of the levels."""
    level = split_alpha(rails.alpha, rails.watched)[rail]
    return tests(rails)[rail].standing(evidence, alpha=level, beta=rails.beta)


def tests(rails: Guardrails) -> Mapping[Guardrail, Test]:
    """The sequential tests of the guardrails that have one."""
    found: dict[Guardrail, Test | None] = {
        Guardrail.ERRORS: rails.errors,
        Guardrail.LATENCY: None if rails.latency is None else rails.latency.test,
        Guardrail.DISAGREEMENT: None if rails.disagreement is None else rails.disagreement.test,
    }
    return {rail: test for rail, test in found.items() if test is not None}


def slow_bound(rail: LatencyGuardrail, readings: Iterable[Reading]) -> float | None:
    """The smallest bound that is at least `slack` times the quantile of these requests; None while it is not known."""
    requests, slower = 0, dict[float, int]()
    for reading in readings:
        requests += reading.timed
        for bound, count in reading.slower:
            slower[bound] = slower.get(bound, 0) + count
    if requests < _LEAST_FOR_QUANTILE or not slower:
        return None
    quantile = next((bound for bound in sorted(slower) if slower[bound] <= (1 - rail.quantile) * requests), None)
    if quantile is None:
        return None
    return next((bound for bound in sorted(slower) if bound >= quantile * rail.slack), max(slower))


def _since(last: dict[str, dict[str, int]], key: str, counters: Mapping[str, int], *, is_begun: bool) -> dict[str, int]:
    """What was counted since the last look, of which `last` then knows."""
    before = last.get(key)
    last[key] = dict(counters)
    if before is None:
        return dict(counters) if is_begun else {}
    if any(value < before.get(name, 0) for name, value in counters.items()):
        return dict(counters)
    return {name: value - before.get(name, 0) for name, value in counters.items()}


def _add(total: dict[str, int], more: Mapping[str, int]) -> None:
    for name, value in more.items():
        total[name] = total.get(name, 0) + value


def _of(rail: Guardrail, total: Mapping[str, int], slow_ms: float | None) -> Counts:
    if rail is Guardrail.ERRORS:
        return _counts(total, "requests", "errors")
    return NONE if slow_ms is None else _counts(total, "timed", f"slower/{slow_ms:g}")


def _counts(total: Mapping[str, int], trials: str, events: str) -> Counts:
    """Counters are not read at one moment, so more events than trials may be seen for a while."""
    return Counts(total.get(trials, 0), min(total.get(trials, 0), total.get(events, 0)))


def _sentence(rail: Guardrail, evidence: Evidence, slow_ms: float | None) -> str:
    canary, control = evidence.canary, evidence.control
    if rail is Guardrail.DISAGREEMENT:
        return f"{canary.events} of {canary.trials} compared answers were others"
    what = "failed" if rail is Guardrail.ERRORS else f"took longer than {slow_ms:g} ms" if slow_ms else "were slow"
    return f"{canary.events} of {canary.trials} requests {what}, of production's {control.events} of {control.trials}"
