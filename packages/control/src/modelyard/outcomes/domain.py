"""An outcome, and what a comparison of two versions by it says. Pure."""

from dataclasses import dataclass

from modelyard.analysis.interval import Difference, Sums, difference

MOST_AT_ONCE = 1_000
MAX_METRIC = 100


@dataclass(frozen=True, slots=True)
class Outcome:
    """What happened after one answer: bought or not (1 or 0), an amount, an error of a forecast."""

    request_id: str
    value: float


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of outcomes that were sent together."""

    recorded: int
    repeated: int
    """They were there already, with the same value."""
    contradicting: int
    """They were there already with another value, which stays."""
    unknown: int
    """Of the recorded ones those whose request is not known: they count as soon as it is."""


@dataclass(frozen=True, slots=True)
class VersionOutcomes:
    """Outcomes of one version's answers."""

    version: int
    answers: int
    """That are known of it, with an outcome or without."""
    sums: Sums


@dataclass(frozen=True, slots=True)
class OutcomeReport:
    """Two versions, compared by one metric."""

    metric: str
    control: VersionOutcomes
    candidate: VersionOutcomes
    unknown: int
    """Outcomes whose request is not known."""
    difference: Difference | None
    """The candidate's mean less the control's; None while there is too little data."""


def compare(
    metric: str, *, control: VersionOutcomes, candidate: VersionOutcomes, unknown: int, alpha: float
) -> OutcomeReport:
    """The difference, between bounds that hold however often one looks."""
    found = difference(candidate.sums, control.sums, alpha=alpha)
    return OutcomeReport(metric, control, candidate, unknown, found)
