"""Two versions against each other, each in bins of its own."""

import numpy as np
import pytest

from modelyard.analysis.drift import BinCounts, DriftVerdict
from modelyard.analysis.profile import ProfiledFeature
from modelyard.analysis.two_sample import compared, least_ks


def _numbers(values: np.ndarray, training: np.ndarray, title: str = "x") -> ProfiledFeature:
    edges = np.quantile(training, np.arange(1, 20) / 20)
    bins = np.bincount(np.searchsorted(edges, values, side="right"), minlength=20)
    return ProfiledFeature(title, tuple(edges.tolist()), None, BinCounts(tuple(bins.tolist())))


def _texts(**counts: int) -> ProfiledFeature:
    bins = tuple(counts.values())
    return ProfiledFeature("colour", None, tuple(counts), BinCounts(bins, is_ordered=False))


def _normal(seed: int, rows: int, mean: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, 1, rows)


class TestNumbersInDifferentBins:
    def test_what_is_said_is_never_more_than_the_true_difference(self) -> None:
        for seed in range(50):
            one, other = _normal(seed, 800), _normal(seed + 100, 800, mean=seed / 50)
            mine, theirs = _numbers(one, _normal(seed + 200, 900)), _numbers(other, _normal(seed + 300, 900, mean=1))
            points = np.sort(np.concatenate([one, other]))
            true = max(abs(np.mean(one <= point) - np.mean(other <= point)) for point in points)
            assert mine.edges is not None
            assert theirs.edges is not None
            assert least_ks(mine.edges, mine.counts.bins, theirs.edges, theirs.counts.bins) <= true + 1e-9

    def test_a_large_difference_is_found_and_none_is_not(self) -> None:
        control = _numbers(_normal(1, 2_000), _normal(2, 5_000))
        (moved,) = compared([control], [_numbers(_normal(3, 800, mean=1.0), _normal(4, 5_000, mean=1.0))])
        (same,) = compared([control], [_numbers(_normal(5, 800), _normal(6, 5_000, mean=0.3))])
        assert (moved.verdict, moved.psi) == (DriftVerdict.DRIFTED, None)
        assert same.verdict is DriftVerdict.STABLE

    @pytest.mark.parametrize("rows", [0, 499])
    def test_there_is_no_judgement_while_either_has_too_few_rows(self, rows: int) -> None:
        many, few = _numbers(_normal(1, 2_000), _normal(2, 5_000)), _numbers(_normal(3, rows), _normal(4, 5_000))
        for pair in (([many], [few]), ([few], [many])):
            assert compared(*pair)[0].verdict is DriftVerdict.TOO_LITTLE_DATA


class TestCategories:
    def test_those_that_only_one_knows_are_unseen_of_both(self) -> None:
        (same,) = compared([_texts(red=300, blue=500, green=200)], [_texts(blue=500, red=300)])
        (other,) = compared([_texts(red=300, blue=500, green=200)], [_texts(blue=100, red=900)])
        assert same.unseen == pytest.approx(-0.2)
        assert (same.verdict, other.verdict) == (DriftVerdict.STABLE, DriftVerdict.DRIFTED)


class TestFeatures:
    def test_only_those_of_one_kind_that_both_have_are_compared(self) -> None:
        ones = _normal(1, 600)
        found = compared([_numbers(ones, ones), _texts(a=600)], [_numbers(ones, ones, "colour"), _numbers(ones, ones)])
        assert [each.name for each in found] == ["x"]
