"""What is found of a retrained version, as its job keeps it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from modelyard.comparison.domain import Standing
from modelyard.retraining.domain import Beside, Decision

_ALONE = "There is no version in production to compare with"


@dataclass(frozen=True, slots=True)
class Findings:
    """How a version stands beside production, and whether it was staged."""

    beside: Beside = field(default_factory=Beside)
    recommendation: str = _ALONE
    """In the comparison's own words."""
    reasons: Sequence[str] = ()
    is_staged: bool = False
    stage_reason: str | None = None
    """None before that was decided."""

    def decided(self, decision: Decision) -> "Findings":
        """The same, with the decision."""
        return replace(self, is_staged=decision.is_staged, stage_reason=decision.reason)

    def to_json(self) -> dict[str, Any]:
        """As the job keeps it."""
        return {
            "production_version": self.beside.production_version,
            "standing": None if self.beside.standing is None else str(self.beside.standing),
            "breaking_changes": list(self.beside.breaking),
            "recommendation": self.recommendation,
            "reasons": list(self.reasons),
            "is_staged": self.is_staged,
            "stage_reason": self.stage_reason,
        }

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> "Findings":
        """Read what `to_json` wrote."""
        standing = fields["standing"]
        return cls(
            beside=Beside(
                fields["production_version"],
                None if standing is None else Standing(standing),
                tuple(fields["breaking_changes"]),
            ),
            recommendation=fields["recommendation"],
            reasons=tuple(fields["reasons"]),
            is_staged=fields["is_staged"],
            stage_reason=fields["stage_reason"],
        )
