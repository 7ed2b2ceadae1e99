"""Drift on the wire."""

from datetime import datetime

from pydantic import Field

from modelyard.analysis.drift import DriftVerdict, FeatureDrift
from modelyard.drift.domain import DriftReport
from modelyard.registry.schemas import Answer


class FeatureDriftAnswer(Answer):
    """One input or answer."""

    name: str
    verdict: DriftVerdict
    rows: int
    psi: float | None = Field(description="population stability index; above 0.2 is a large change")
    ks: float | None = Field(description="largest difference of the cumulative shares; null of categories")
    missing: float | None = Field(description="share of missing values, less that of the training data")
    unseen: float | None = Field(description="share of values that the training data do not have, less theirs")
    reasons: list[str]

    @classmethod
    def of(cls, found: FeatureDrift) -> "FeatureDriftAnswer":
        """On the wire."""
        return cls(
            name=found.name,
            verdict=found.verdict,
            rows=found.rows,
            psi=found.psi,
            ks=found.ks,
            missing=found.missing,
            unseen=found.unseen,
            reasons=list(found.reasons),
        )


class DriftReportAnswer(Answer):
    """What a deployment got and answered lately, against the training data of its version."""

    deployment_id: str
    model_name: str
    model_version: int
    verdict: DriftVerdict
    message: str
    since: datetime | None
    rows: int
    profile_rows: int | None = Field(description="of the training data; null without a training profile")
    features: list[FeatureDriftAnswer]
    left_out: list[str] = Field(description="what has no profile, and why")

    @classmethod
    def of(cls, report: DriftReport) -> "DriftReportAnswer":
        """On the wire."""
        return cls(
            deployment_id=report.deployment_id,
            model_name=report.model_name,
            model_version=report.version,
            verdict=report.verdict,
            message=report.message,
            since=report.since,
            rows=report.rows,
            profile_rows=report.profile_rows,
            features=[FeatureDriftAnswer.of(each) for each in report.features],
            left_out=list(report.left_out),
        )
