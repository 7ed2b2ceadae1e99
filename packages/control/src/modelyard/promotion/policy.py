"""A model's policy for promotion to production, and what a version is worth under it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from modelyard.errors import Invalid
from modelyard.promotion.party import Party, dependence
from modelyard.registry.domain import Version
from modelyard.registry.metrics import Direction, MetricRule, Verdict, rule_for, verdict


class Baseline(StrEnum):
    """What a metric's threshold is measured against."""

    ABSOLUTE = "absolute"
    PRODUCTION = "production"
    """The version that is in production now; the first one passes."""


class Evidence(StrEnum):
    """Which metrics count."""

    MEASURED = "measured"
    """Those that the version's run logged."""
    CLAIMED = "claimed"
    """Where none was measured, also what a caller said when the version was registered or uploaded."""


@dataclass(frozen=True, slots=True)
class MetricRequirement:
    """A metric that must be there and good enough.

    ABSOLUTE: the value reaches `threshold`. PRODUCTION: it is better than production's value by `threshold`, in the
    metric's own unit; 0 means not worse, a negative one allows for a loss. A difference within the metric's declared
    tolerance is none.
    """

    metric: str
    direction: Direction | None = None
    """None: as the policy declares it for the metric, else as its name says."""
    baseline: Baseline = Baseline.ABSOLUTE
    threshold: float = 0.0


@dataclass(frozen=True, slots=True)
class Policy:
    """What a promotion to production of one model needs. The requester never approves, whatever it says."""

    needed_approvals: int = 1
    approvers: tuple[str, ...] = ()
    """Who may approve, by subject; empty: everybody with the role."""
    metrics: tuple[MetricRequirement, ...] = ()
    metric_rules: Mapping[str, MetricRule] = field(default_factory=dict)
    """Which way metrics are better and what difference counts, here and in comparisons; else their names say."""
    tags: Mapping[str, str | None] = field(default_factory=dict)
    """Tags that must be there; None: whatever their value."""
    checks: tuple[str, ...] = ()
    """Checks that must have been recorded as passed for the version."""
    expires_after_hours: float = 14 * 24.0
    auto_staging: bool = False
    """Whether a version that meets the metrics, tags and checks goes to staging by itself when it is registered."""
    evidence: Evidence = Evidence.MEASURED
    """Which metrics count, also for `auto_staging`."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One point of the policy on one version, with what was expected and what was found."""

    rule: str
    is_met: bool
    message: str


def evaluate(
    policy: Policy, version: Version, *, production: Version | None, checks: Mapping[str, bool]
) -> tuple[Finding, ...]:
    """Every point of the policy but the approvals, in the policy's order. `checks` are the recorded ones."""
    metrics = [_metric(policy, requirement, version, production) for requirement in policy.metrics]
    tags = [_tag(name, wanted, version) for name, wanted in policy.tags.items()]
    return (*metrics, *tags, *(_check(name, checks) for name in policy.checks))


def refusal_to_approve(policy: Policy, *, by: Party, requester: Party, approvers: Sequence[Party]) -> str | None:
    """Why somebody may not approve; None when they may. `approvers` have approved already."""
    if by.subject == requester.subject:
        return "who requests a promotion does not approve it"
    if policy.approvers and by.subject not in policy.approvers:
        return "the model's policy does not name this approver"
    if by.subject in {approver.subject for approver in approvers}:
        return "this approver has approved already"
    found = (dependence(by, other) for other in (requester, *approvers))
    return next((reason for reason in found if reason is not None), None)


def check_policy(policy: Policy) -> None:
    """Whether every metric that it requires has a direction, and enough people may approve.

    Raises:
        Invalid: code `direction_unknown` or `approvers_too_few`.
    """
    if policy.approvers and len(set(policy.approvers)) < policy.needed_approvals:
        raise Invalid(
            "approvers: expected none, for anybody who may, or at least the "
            f"{policy.needed_approvals} whose approvals are needed, got {len(set(policy.approvers))}",
            code="approvers_too_few",
            field="approvers",
        )
    for index, requirement in enumerate(policy.metrics):
        if _rule(policy, requirement).direction is Direction.UNKNOWN:
            raise Invalid(
                f"metrics.{index}.direction: expected higher or lower, since neither metric_rules nor the name "
                f"'{requirement.metric}' says which way is better",
                code="direction_unknown",
                field=f"metrics.{index}.direction",
            )


def _rule(policy: Policy, requirement: MetricRequirement) -> MetricRule:
    rule = rule_for(requirement.metric, policy.metric_rules)
    return rule if requirement.direction is None else replace(rule, direction=requirement.direction)


def _metric(policy: Policy, requirement: MetricRequirement, version: Version, production: Version | None) -> Finding:
    name, rule = requirement.metric, _rule(policy, requirement)
    measured = version.measured_metrics.get(name)
    value = version.metrics.get(name) if measured is None and policy.evidence is Evidence.CLAIMED else measured
    if value is None:
        return _finding("metric", name, is_met=False, said=f"expected {_missing(version, name)}")
    got = f"got {value:g}" if measured is not None else f"got {value:g}, which is claimed and not measured"
    if requirement.baseline is Baseline.ABSOLUTE:
        is_met = _reaches(value, requirement.threshold, rule)
        word = "at least" if rule.direction is Direction.HIGHER else "at most"
        return _finding("metric", name, is_met=is_met, said=f"expected {word} {requirement.threshold:g}, {got}")
    current = None if production is None else production.metrics.get(name)
    if current is None:
        return _finding("metric", name, is_met=True, said=f"{got}; production has none to be measured against")
    step = requirement.threshold if rule.direction is Direction.HIGHER else -requirement.threshold
    is_met = _reaches(value, current + step, rule)
    said = f"expected {rule.direction} than production's {current:g} by {requirement.threshold:g}, {got}"
    return _finding("metric", name, is_met=is_met, said=said)


def _missing(version: Version, name: str) -> str:
    """What was expected and is not there, and for a claim how it can count."""
    claimed = version.claimed_metrics.get(name)
    if claimed is None:
        return "a value, the version has none"
    run = "its run did not log it" if version.run_id is not None else "it has no run"
    return (
        f"a measured value, got {claimed:g} as a claim only: {run}. Register a version of a run that logs '{name}', or "
        f"accept claims in the model's policy (evidence: {Evidence.CLAIMED})"
    )


def _tag(name: str, wanted: str | None, version: Version) -> Finding:
    value = version.tags.get(name)
    if value is None:
        return _finding("tag", name, is_met=False, said="expected a value, the version has none")
    is_met = wanted in (None, value)
    said = f"got '{value}'" if is_met else f"expected '{wanted}', got '{value}'"
    return _finding("tag", name, is_met=is_met, said=said)


def _check(name: str, checks: Mapping[str, bool]) -> Finding:
    if name not in checks:
        return _finding("check", name, is_met=False, said="it was not recorded for this version")
    return _finding("check", name, is_met=checks[name], said="passed" if checks[name] else "failed")


def _finding(kind: str, name: str, *, is_met: bool, said: str) -> Finding:
    return Finding(rule=f"{kind}:{name}", is_met=is_met, message=f"{kind} '{name}': {said}")


def _reaches(value: float, threshold: float, rule: MetricRule) -> bool:
    return verdict(threshold, value, rule) in (Verdict.BETTER, Verdict.EQUAL)
