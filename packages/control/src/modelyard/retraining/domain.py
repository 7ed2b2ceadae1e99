"""What may be changed of a recipe, and by which rule a retrained version goes to staging. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from modelyard.comparison.domain import Standing
from modelyard.registry.provenance import DataReference


class StageRule(StrEnum):
    """When a retrained version goes to staging. None of them moves one to production."""

    NEVER = "never"
    """The model's own policy alone decides, when the version is registered."""
    ALWAYS = "always"
    BETTER = "better"
    """Than the version in production, and the model's policy is met."""
    NOT_WORSE = "not_worse"


@dataclass(frozen=True, kw_only=True, slots=True)
class Changes:
    """What runs otherwise than the recipe says; what is None or empty stays as it is there."""

    notebook: str | None = None
    """Another script of the recipe's project."""
    arguments: Sequence[str] | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Of a notebook; those that are not named stay."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables; those that are not named stay."""
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    data: Mapping[str, DataReference] = field(default_factory=dict)
    """What the run is given; data that is not named stays."""
    runner: str | None = None
    timeout_seconds: float | None = None
    updates_requirements: bool = False
    """Whether the requirements are resolved anew, instead of the version's own lock."""
    stage_if: StageRule = StageRule.NEVER

    def to_json(self) -> dict[str, Any]:
        """As a schedule keeps it: all but secrets, which are kept nowhere."""
        fields = {
            "notebook": self.notebook,
            "arguments": None if self.arguments is None else list(self.arguments),
            "parameters": dict(self.parameters),
            "environment": dict(self.environment),
            "data": {name: asdict(each) for name, each in self.data.items()},
            "runner": self.runner,
            "timeout_seconds": self.timeout_seconds,
            "updates_requirements": self.updates_requirements,
        }
        return {name: value for name, value in fields.items() if value} | {"stage_if": str(self.stage_if)}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> "Changes":
        """Read what `to_json` wrote."""
        data = {name: DataReference(**each) for name, each in fields.get("data", {}).items()}
        return cls(**{**fields, "data": data, "stage_if": StageRule(fields["stage_if"])})


@dataclass(frozen=True, slots=True)
class Beside:
    """How a new version stands beside the one that is in production; all None where none is."""

    production_version: int | None = None
    standing: Standing | None = None
    breaking: Sequence[str] = ()
    """How its inputs break callers."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a version goes to staging, and why or why not."""

    is_staged: bool
    reason: str


_GOOD_ENOUGH = {
    StageRule.BETTER: frozenset({Standing.BETTER}),
    StageRule.NOT_WORSE: frozenset({Standing.BETTER, Standing.EQUAL}),
}


def decide(rule: StageRule, beside: Beside, *, unmet: Sequence[str]) -> Decision:
    """Whether a version goes to staging. `unmet` are the points of the model's policy that it does not meet."""
    if rule is StageRule.NEVER:
        return Decision(is_staged=False, reason="stage_if is never, so the model's own policy alone stages it")
    if rule is StageRule.ALWAYS:
        return Decision(is_staged=True, reason="stage_if is always")
    said = _said(beside)
    if beside.standing is not None and beside.standing not in _GOOD_ENOUGH[rule]:
        return Decision(is_staged=False, reason=f"stage_if is {rule}: {said}")
    if beside.breaking:
        return Decision(is_staged=False, reason=f"it breaks callers of production: {'; '.join(beside.breaking)}")
    if unmet:
        return Decision(is_staged=False, reason=f"the model's policy is not met: {'; '.join(unmet)}")
    return Decision(is_staged=True, reason=f"stage_if is {rule}: {said}")


def _said(beside: Beside) -> str:
    if beside.standing is None:
        return "there is no version in production that it could be worse than"
    production = f"production's version {beside.production_version}"
    return {
        Standing.BETTER: f"it is better than {production}",
        Standing.EQUAL: f"it equals {production} within the tolerance",
        Standing.WORSE: f"it is worse than {production}",
        Standing.MIXED: f"it is better than {production} in some metrics and worse in others",
        Standing.NOT_COMPARABLE: f"it cannot be compared with {production}",
    }[beside.standing]
