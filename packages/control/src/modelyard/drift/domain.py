"""A report of drift, and what it means for a version under trial. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from modelyard.analysis.drift import MIN_ROWS, DriftVerdict, FeatureDrift, drift_report
from modelyard.analysis.guardrails import Verdict
from modelyard.analysis.profile import ProfiledFeature, TrainingProfile
from modelyard.analysis.two_sample import compared

NO_PROFILE = (
    "no training profile: drift cannot be judged. Log the training data in the run, "
    'mlflow.log_table(X_train, "training_data.json"), and train again'
)
WINDOW = timedelta(minutes=10)
"""Counts are kept by windows of this length."""
KEPT = timedelta(hours=48)
SPANS = tuple(timedelta(hours=hours) for hours in (1, 6, 24, 48))
_SHOWN = 5

Counts = list[list[int]]
"""Of each feature its bins, missing values, unseen values."""


@dataclass(frozen=True, slots=True)
class DriftReport:
    """What a deployment got and answered lately, against the training data of its version."""

    deployment_id: str
    model_name: str
    version: int
    verdict: DriftVerdict
    message: str
    since: datetime | None
    """Of the oldest counts in it; None where there are none."""
    rows: int
    profile_rows: int | None
    """Of the training data; None where there is no profile."""
    features: tuple[FeatureDrift, ...]
    left_out: tuple[str, ...]
    """What has no profile, and why."""

    @property
    def drifted(self) -> tuple[str, ...]:
        """The features that have."""
        return tuple(each.name for each in self.features if each.verdict is DriftVerdict.DRIFTED)


@dataclass(frozen=True, slots=True)
class Served:
    """What a version's servers counted, in the bins of its training data."""

    profile: TrainingProfile
    counted: tuple[ProfiledFeature, ...]

    @property
    def rows(self) -> int:
        """How many rows at most a feature has."""
        return max((each.counts.rows for each in self.counted), default=0)

    def report(self) -> tuple[FeatureDrift, ...]:
        """Each feature against the training data."""
        return drift_report(self.profile.expected, {each.title: each.counts for each in self.counted})


def start_of_window(at: datetime) -> datetime:
    """When the window began that a moment is in."""
    return datetime.fromtimestamp(at.timestamp() // WINDOW.total_seconds() * WINDOW.total_seconds(), tz=at.tzinfo)


def added(counts: Iterable[Counts]) -> Counts:
    """Counts of the same bins together; empty of none."""
    total: Counts = []
    for each in counts:
        total = (
            [
                [one + more for one, more in zip(mine, theirs, strict=True)]
                for mine, theirs in zip(total, each, strict=True)
            ]
            if total
            else [list(one) for one in each]
        )
    return total


def since_last(last: Counts | None, now: Counts) -> Counts:
    """What a server has counted since it was asked last. Counters that are smaller began anew."""
    if last is None or [len(each) for each in last] != [len(each) for each in now]:
        return now
    pairs = [list(zip(before, after, strict=True)) for before, after in zip(last, now, strict=True)]
    if any(after < before for feature in pairs for before, after in feature):
        return now
    return [[after - before for before, after in feature] for feature in pairs]


def overall(features: Sequence[FeatureDrift], rows: int) -> tuple[DriftVerdict, str]:
    """What is said of a whole report."""
    drifted = [each for each in features if each.verdict is DriftVerdict.DRIFTED]
    if drifted:
        return DriftVerdict.DRIFTED, f"{len(drifted)} of {len(features)} features drifted: {_sentence(drifted)}"
    if not features or any(each.verdict is DriftVerdict.TOO_LITTLE_DATA for each in features):
        return DriftVerdict.TOO_LITTLE_DATA, f"{rows} of the {MIN_ROWS} rows that a judgement needs"
    return DriftVerdict.STABLE, f"none of {len(features)} features drifted, over {rows} rows"


def judge(candidate: Served | None, production: Served | None, *, against_production: bool) -> tuple[Verdict, str]:
    """Whether a version under trial is taken back for drift.

    Drift from its training data that production has as well is not held against it: the world has moved, for both.
    """
    if candidate is None:
        return Verdict.TOO_LITTLE_DATA, NO_PROFILE
    own = candidate.report()
    theirs = () if production is None else production.report()
    excused = {each.name for each in theirs if each.verdict is DriftVerdict.DRIFTED}
    drifted = [each for each in own if each.verdict is DriftVerdict.DRIFTED and each.name not in excused]
    if drifted:
        return Verdict.WORSE, f"against its training data: {_sentence(drifted)}"
    beside = compared(production.counted, candidate.counted) if production is not None and against_production else ()
    different = [each for each in beside if each.verdict is DriftVerdict.DRIFTED]
    if different:
        return Verdict.WORSE, f"against production: {_sentence(different)}"
    if not own or any(each.verdict is DriftVerdict.TOO_LITTLE_DATA for each in (*own, *beside)):
        rows = candidate.rows if production is None else min(candidate.rows, production.rows)
        return Verdict.TOO_LITTLE_DATA, f"{rows} of the {MIN_ROWS} rows that a judgement needs"
    return Verdict.NOT_WORSE, f"none of {len(own)} features drifted, over {candidate.rows} rows"


def _sentence(drifted: Sequence[FeatureDrift]) -> str:
    shown = "; ".join(f"{each.name} ({', '.join(each.reasons)})" for each in drifted[:_SHOWN])
    return shown if len(drifted) <= _SHOWN else f"{shown}; and {len(drifted) - _SHOWN} more"
