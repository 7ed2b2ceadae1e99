"""Comparisons on the wire."""

from datetime import datetime

from pydantic import Field

from modelyard.comparison.data import DataRow
from modelyard.comparison.domain import Comparison, Difference, MetricRow
from modelyard.registry.schemas import Answer


class ComparedVersion(Answer):
    """One version of a comparison."""

    version: int
    stage: str
    metrics: dict[str, float | None]
    claimed_metrics: dict[str, float | None]
    size_bytes: int
    created_at: datetime


class MetricAnswer(Answer):
    """One metric over the versions, in their order; verdicts are against the first."""

    name: str
    direction: str
    tolerance: float
    values: list[float | None]
    verdicts: list[str]
    claimed: list[bool] = Field(description="of each value, whether a caller gave it and no run measured it")

    @classmethod
    def of(cls, row: MetricRow) -> "MetricAnswer":
        """The row on the wire."""
        return cls(
            name=row.name,
            direction=row.direction,
            tolerance=row.tolerance,
            values=list(row.values),
            verdicts=[str(item) for item in row.verdicts],
            claimed=list(row.claimed),
        )


class DifferenceAnswer(Answer):
    """A parameter, a tag, or a fact like the environment, that is not the same in all versions."""

    name: str
    values: list[bool | int | float | str | None]

    @classmethod
    def of(cls, difference: Difference) -> "DifferenceAnswer":
        """The difference on the wire."""
        return cls(name=difference.name, values=list(difference.values))


class DataAnswer(Answer):
    """The data for one purpose over the versions, in their order: names and digests; null where none was recorded."""

    purpose: str = Field(description="`training`, `validation`, `test`, `evaluation`, another word, or `unspecified`")
    verdict: str = Field(description="`same`, `different`, or `unknown` when not all versions recorded any")
    values: list[str | None]

    @classmethod
    def of(cls, row: DataRow) -> "DataAnswer":
        """The row on the wire."""
        return cls(purpose=row.purpose, verdict=row.verdict, values=list(row.texts))


class ComparisonAnswer(Answer):
    """Versions side by side, and what to make of it."""

    name: str
    comparison: list[ComparedVersion]
    recommendation: str
    recommended_version: int | None
    reasons: list[str]
    metrics: list[MetricAnswer]
    parameters: list[DifferenceAnswer]
    tags: list[DifferenceAnswer]
    facts: list[DifferenceAnswer]
    data: list[DataAnswer]
    breaking_changes: dict[int, list[str]]

    @classmethod
    def of(cls, name: str, found: Comparison) -> "ComparisonAnswer":
        """The comparison on the wire."""
        return cls(
            name=name,
            comparison=[
                ComparedVersion(
                    version=version.version,
                    stage=version.stage,
                    metrics=dict(version.metrics),
                    claimed_metrics=dict(version.claimed_metrics),
                    size_bytes=version.size,
                    created_at=version.created_at,
                )
                for version in found.versions
            ],
            recommendation=found.recommendation,
            recommended_version=found.recommended,
            reasons=list(found.reasons),
            metrics=[MetricAnswer.of(row) for row in found.metrics],
            parameters=[DifferenceAnswer.of(item) for item in found.parameters],
            tags=[DifferenceAnswer.of(item) for item in found.tags],
            facts=[DifferenceAnswer.of(item) for item in found.facts],
            data=[DataAnswer.of(row) for row in found.data],
            breaking_changes={number: list(changes) for number, changes in found.breaking.items()},
        )
