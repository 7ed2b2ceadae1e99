"""Drift of a feature, or of an answer, against the profile of the training data. Pure.

It says drifted only of a difference that is both certain, corrected for how many features were looked at, and large
enough to matter. Under 500 rows there is no judgement: by chance alone the population stability index of 50 rows
without any drift is 0.16 in the median.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import NormalDist

MIN_ROWS = 500
PSI_LIMIT = 0.2
KS_LIMIT = 0.1
SHARE_LIMIT = 0.05
"""By how much the share of missing or of unseen values may grow."""
_ALPHA = 0.001
"""Of one whole report: it is made many times."""
_TESTS = 4
"""Of each feature."""


@dataclass(frozen=True, slots=True)
class BinCounts:
    """How many values fell into each bin. Bins of a numeric feature are in the order of their values."""

    bins: tuple[int, ...]
    missing: int = 0
    unseen: int = 0
    """Values of no category of the training data; beyond the ends of a numeric feature there are bins."""
    is_ordered: bool = True

    @property
    def rows(self) -> int:
        return sum(self.bins) + self.missing + self.unseen


class DriftVerdict(StrEnum):
    """What is said of one feature."""

    DRIFTED = "drifted"
    STABLE = "stable"
    TOO_LITTLE_DATA = "too_little_data"


@dataclass(frozen=True, slots=True)
class FeatureDrift:
    """One feature's finding, with the figures that it stands on; None where a figure cannot be computed."""

    name: str
    verdict: DriftVerdict
    rows: int
    psi: float | None
    ks: float | None
    missing: float | None
    """The share of missing values, less that of the training data."""
    unseen: float | None
    reasons: tuple[str, ...]


def drift_report(expected: Mapping[str, BinCounts], actual: Mapping[str, BinCounts]) -> tuple[FeatureDrift, ...]:
    """Each feature of the profile against what was served, in the profile's order."""
    level = level_of(len(expected))
    return tuple(
        feature_drift(name, profile, actual.get(name, BinCounts((0,) * len(profile.bins))), level)
        for name, profile in expected.items()
    )


def level_of(features: int) -> float:
    """The level of one test, corrected for how many are made of so many features."""
    return _ALPHA / max(1, features * _TESTS)


def feature_drift(name: str, expected: BinCounts, actual: BinCounts, level: float) -> FeatureDrift:
    """The finding on one feature."""
    rows = actual.rows
    if rows < MIN_ROWS or not expected.rows:
        return FeatureDrift(name, DriftVerdict.TOO_LITTLE_DATA, rows, None, None, None, None, ())
    psi = population_stability(expected.bins, actual.bins)
    ks = binned_ks(expected.bins, actual.bins) if expected.is_ordered else None
    missing = actual.missing / rows - expected.missing / expected.rows
    unseen = actual.unseen / rows - expected.unseen / expected.rows
    sizes = (sum(expected.bins), sum(actual.bins))
    reasons = [
        *_beyond("PSI", psi, max(PSI_LIMIT, psi_by_chance(len(expected.bins), *sizes, level=level))),
        *_beyond("KS", ks, max(KS_LIMIT, _ks_by_chance(*sizes, level=level))),
        *_beyond("missing values", missing, _share_limit(expected.missing, expected.rows, rows, level)),
        *_beyond("unseen values", unseen, _share_limit(expected.unseen, expected.rows, rows, level)),
    ]
    verdict = DriftVerdict.DRIFTED if reasons else DriftVerdict.STABLE
    return FeatureDrift(name, verdict, rows, psi, ks, missing, unseen, tuple(reasons))


def ks_verdict(name: str, ks: float, expected: BinCounts, actual: BinCounts, level: float) -> FeatureDrift:
    """The finding on a feature of which only this difference of cumulative shares is known, and the missing values."""
    rows = actual.rows
    missing = actual.missing / rows - expected.missing / expected.rows
    reasons = [
        *_beyond("KS", ks, max(KS_LIMIT, _ks_by_chance(sum(expected.bins), sum(actual.bins), level=level))),
        *_beyond("missing values", missing, _share_limit(expected.missing, expected.rows, rows, level)),
    ]
    verdict = DriftVerdict.DRIFTED if reasons else DriftVerdict.STABLE
    return FeatureDrift(name, verdict, rows, None, ks, missing, None, tuple(reasons))


def population_stability(expected: Sequence[int], actual: Sequence[int]) -> float | None:
    """The population stability index; half a row is added to each bin, so that an empty one has a logarithm."""
    if not sum(expected) or not sum(actual):
        return None
    expected_total, actual_total = sum(expected) + len(expected) / 2, sum(actual) + len(actual) / 2
    shares = [
        ((was + 0.5) / expected_total, (now + 0.5) / actual_total) for was, now in zip(expected, actual, strict=True)
    ]
    return sum((now - was) * math.log(now / was) for was, now in shares)


def binned_ks(expected: Sequence[int], actual: Sequence[int]) -> float | None:
    """The largest difference between the two cumulative shares at the edges of the bins."""
    if not sum(expected) or not sum(actual):
        return None
    expected_total, actual_total = sum(expected), sum(actual)
    below_expected = below_actual = 0
    largest = 0.0
    for was, now in zip(expected, actual, strict=True):
        below_expected += was
        below_actual += now
        largest = max(largest, abs(below_expected / expected_total - below_actual / actual_total))
    return largest


def psi_by_chance(bins: int, expected_rows: int, actual_rows: int, *, level: float) -> float:
    """What the index exceeds without any drift with this probability.

    Divided by (1/n + 1/m) it follows a chi-squared distribution (B. Yurdakul, 2018), whose quantile is Wilson and
    Hilferty's.
    """
    if not expected_rows or not actual_rows or bins < 2:
        return math.inf
    freedom = bins - 1
    part = 2 / (9 * freedom)
    quantile = freedom * (1 - part + NormalDist().inv_cdf(1 - level) * math.sqrt(part)) ** 3
    return (1 / expected_rows + 1 / actual_rows) * quantile


def _ks_by_chance(expected_rows: int, actual_rows: int, *, level: float) -> float:
    """Kolmogorov's asymptotic bound; with bins it is on the safe side."""
    if not expected_rows or not actual_rows:
        return math.inf
    return math.sqrt(-math.log(level / 2) / 2) * math.sqrt(1 / expected_rows + 1 / actual_rows)


def _share_limit(expected_count: int, expected_rows: int, actual_rows: int, level: float) -> float:
    share = (expected_count + 1) / (expected_rows + 2)
    spread = math.sqrt(share * (1 - share) * (1 / expected_rows + 1 / actual_rows))
    return max(SHARE_LIMIT, NormalDist().inv_cdf(1 - level) * spread)


def _beyond(name: str, value: float | None, limit: float) -> list[str]:
    return [f"{name}: {value:.3f}, more than {limit:.3f}"] if value is not None and value > limit else []
