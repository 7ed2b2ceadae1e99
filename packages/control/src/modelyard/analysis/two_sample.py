"""Two versions' inputs and answers against each other, each counted in the bins of its own training data. Pure.

Where the bins differ, only what is certain in spite of that is said: the least that the difference can be.
"""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate

from modelyard.analysis.drift import (
    MIN_ROWS,
    BinCounts,
    DriftVerdict,
    FeatureDrift,
    feature_drift,
    ks_verdict,
    level_of,
)
from modelyard.analysis.profile import ProfiledFeature


def compared(control: Sequence[ProfiledFeature], canary: Sequence[ProfiledFeature]) -> tuple[FeatureDrift, ...]:
    """Each feature that both have, in the order of the canary's."""
    theirs = {feature.title: feature for feature in control}
    both = [(theirs[mine.title], mine) for mine in canary if mine.title in theirs]
    level = level_of(len(both))
    return tuple(_compared(their, mine, level) for their, mine in both if (their.edges is None) is (mine.edges is None))


def _compared(control: ProfiledFeature, canary: ProfiledFeature, level: float) -> FeatureDrift:
    rows = min(control.counts.rows, canary.counts.rows)
    if rows < MIN_ROWS:
        return FeatureDrift(canary.title, DriftVerdict.TOO_LITTLE_DATA, rows, None, None, None, None, ())
    if control.categories is not None and canary.categories is not None:
        common = [each for each in canary.categories if each in control.categories]
        return feature_drift(canary.title, _only(control, common), _only(canary, common), level)
    if control.edges == canary.edges:
        return feature_drift(canary.title, control.counts, canary.counts, level)
    least = least_ks(control.edges or (), control.counts.bins, canary.edges or (), canary.counts.bins)
    return ks_verdict(canary.title, least, control.counts, canary.counts, level)


def least_ks(
    edges: Sequence[float], bins: Sequence[int], other_edges: Sequence[float], other_bins: Sequence[int]
) -> float:
    """The least that the largest difference of two cumulative shares can be, whatever the values in the bins were."""
    points = sorted({*edges, *other_edges})
    largest = 0.0
    for point in points:
        low, high = _share_below(point, edges, bins)
        other_low, other_high = _share_below(point, other_edges, other_bins)
        largest = max(largest, low - other_high, other_low - high)
    return largest


def _share_below(point: float, edges: Sequence[float], bins: Sequence[int]) -> tuple[float, float]:
    """Between which shares the values below a point are: the same twice at an edge."""
    cumulative = [0, *accumulate(bins)]
    total = cumulative[-1]
    if not total:
        return 0.0, 1.0
    index = bisect_left(edges, point)
    if index < len(edges) and edges[index] == point:
        return cumulative[index + 1] / total, cumulative[index + 1] / total
    return cumulative[index] / total, cumulative[index + 1] / total


def _only(feature: ProfiledFeature, categories: Sequence[str]) -> BinCounts:
    """The counts of these categories; all others count as unseen."""
    named = dict(zip(feature.categories or (), feature.counts.bins, strict=False))
    bins = tuple(named[each] for each in categories)
    unseen = feature.counts.rows - feature.counts.missing - sum(bins)
    return BinCounts(bins, feature.counts.missing, unseen, is_ordered=False)
