"""Outcomes on the wire."""

from typing import Annotated

from pydantic import Field

from modelyard.http.bodies import RequestBody
from modelyard.outcomes.domain import MAX_METRIC, MOST_AT_ONCE, Outcome, OutcomeReport, Recorded, VersionOutcomes
from modelyard.registry.schemas import Answer

Metric = Annotated[str, Field(min_length=1, max_length=MAX_METRIC, pattern=r"^[A-Za-z0-9_.-]+$")]


class OutcomeBody(RequestBody):
    """What happened after one answer: 1 or 0 for yes or no, else a number."""

    request_id: str = Field(min_length=1, max_length=128, description="the `x-request-id` of the answer")
    value: float = Field(ge=-1e15, le=1e15)


class OutcomesBody(RequestBody):
    """What happened, by one metric."""

    metric: Metric = "outcome"
    outcomes: list[OutcomeBody] = Field(min_length=1, max_length=MOST_AT_ONCE)

    def given(self) -> list[Outcome]:
        """As the domain has them."""
        return [Outcome(each.request_id, each.value) for each in self.outcomes]


class RecordedAnswer(Answer):
    """What became of the outcomes that were sent."""

    recorded: int
    repeated: int
    contradicting: int
    unknown: int

    @classmethod
    def of(cls, recorded: Recorded) -> "RecordedAnswer":
        """On the wire."""
        return cls(
            recorded=recorded.recorded,
            repeated=recorded.repeated,
            contradicting=recorded.contradicting,
            unknown=recorded.unknown,
        )


class VersionOutcomesAnswer(Answer):
    """Outcomes of one version."""

    version: int
    answers: int
    outcomes: int
    mean: float | None

    @classmethod
    def of(cls, found: VersionOutcomes) -> "VersionOutcomesAnswer":
        """On the wire."""
        return cls(version=found.version, answers=found.answers, outcomes=found.sums.count, mean=found.sums.mean)


class DifferenceAnswer(Answer):
    """The candidate's mean less the control's, and the bounds within which it truly is."""

    estimate: float
    low: float
    high: float
    alpha: float
    is_certain: bool = Field(description="whether the bounds leave out that there is no difference")


class OutcomeReportAnswer(Answer):
    """Two versions, compared by one metric. No difference while there is too little data."""

    name: str
    metric: str
    control: VersionOutcomesAnswer
    candidate: VersionOutcomesAnswer
    unknown: int
    difference: DifferenceAnswer | None

    @classmethod
    def of(cls, name: str, report: OutcomeReport) -> "OutcomeReportAnswer":
        """On the wire."""
        found = report.difference
        return cls(
            name=name,
            metric=report.metric,
            control=VersionOutcomesAnswer.of(report.control),
            candidate=VersionOutcomesAnswer.of(report.candidate),
            unknown=report.unknown,
            difference=None
            if found is None
            else DifferenceAnswer(
                estimate=found.estimate,
                low=found.low,
                high=found.high,
                alpha=found.alpha,
                is_certain=found.is_certain,
            ),
        )
