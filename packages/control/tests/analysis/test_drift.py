"""Drift of features against the profile of the training data."""

import numpy as np
import pytest
from scipy.stats import chi2

from modelyard.analysis.drift import (
    BinCounts,
    DriftVerdict,
    binned_ks,
    drift_report,
    population_stability,
    psi_by_chance,
)

EDGES = np.linspace(-1.5, 1.5, 9)


def _counts(values: np.ndarray, *, missing: int = 0, unseen: int = 0) -> BinCounts:
    bins = np.bincount(np.searchsorted(EDGES, values), minlength=10)
    return BinCounts(tuple(bins.tolist()), missing=missing, unseen=unseen)


def _normal(seed: int, rows: int, mean: float = 0.0) -> BinCounts:
    return _counts(np.random.default_rng(seed).normal(mean, 1, rows))


class TestADriftReport:
    """Of a version's features."""

    def test_there_is_no_judgement_under_five_hundred_rows(self) -> None:
        (found,) = drift_report({"x": _normal(1, 5_000)}, {"x": _normal(2, 499, mean=3.0)})
        assert (found.verdict, found.rows, found.psi) == (DriftVerdict.TOO_LITTLE_DATA, 499, None)

    def test_a_feature_of_which_nothing_was_counted_has_too_little_data(self) -> None:
        (found,) = drift_report({"x": _normal(1, 5_000)}, {})
        assert found.verdict is DriftVerdict.TOO_LITTLE_DATA

    def test_a_moved_feature_has_drifted_and_its_neighbour_has_not(self) -> None:
        moved, stable = drift_report(
            {"moved": _normal(1, 5_000), "stable": _normal(2, 5_000)},
            {"moved": _normal(3, 800, mean=0.8), "stable": _normal(4, 800)},
        )
        assert moved.verdict is DriftVerdict.DRIFTED
        assert any(reason.startswith("PSI: ") for reason in moved.reasons)
        assert stable.verdict is DriftVerdict.STABLE

    def test_without_drift_hardly_any_of_a_hundred_reports_of_thirty_features_finds_any(self) -> None:
        found = [
            feature.verdict
            for report in range(100)
            for feature in drift_report(
                {f"x{index}": _normal(index, 1_000) for index in range(30)},
                {f"x{index}": _normal(1_000 + report * 30 + index, 500) for index in range(30)},
            )
        ]
        assert found.count(DriftVerdict.DRIFTED) == 0

    def test_a_small_profile_asks_for_a_larger_difference(self) -> None:
        (of_few,) = drift_report({"x": _normal(1, 20)}, {"x": _normal(2, 600)})
        assert of_few.verdict is DriftVerdict.STABLE

    @pytest.mark.parametrize(("kind", "reason"), [("missing", "missing values"), ("unseen", "unseen values")])
    def test_more_missing_or_unseen_values_are_drift(self, kind: str, reason: str) -> None:
        profile = BinCounts((400, 600), is_ordered=False)
        served = BinCounts((200, 300), is_ordered=False, **{kind: 100})
        (found,) = drift_report({"color": profile}, {"color": served})
        assert found.verdict is DriftVerdict.DRIFTED
        assert [one.split(":")[0] for one in found.reasons] == [reason]
        assert found.ks is None


class TestTheFigures:
    """That it stands on."""

    def test_the_index_of_equal_shares_is_nearly_zero_and_of_others_is_its_formula(self) -> None:
        assert population_stability((100, 100), (1_000, 1_000)) == pytest.approx(0.0)
        expected = (0.9 - 0.5) * np.log(0.9 / 0.5) + (0.1 - 0.5) * np.log(0.1 / 0.5)
        assert population_stability((50_000, 50_000), (90_000, 10_000)) == pytest.approx(expected, abs=1e-3)

    def test_an_empty_bin_leaves_the_index_finite(self) -> None:
        index = population_stability((500, 0), (0, 500))
        assert index is not None
        assert np.isfinite(index)

    def test_the_binned_ks_is_the_largest_difference_of_cumulative_shares(self) -> None:
        assert binned_ks((10, 10, 0, 0), (0, 10, 10, 0)) == pytest.approx(0.5)

    def test_what_chance_alone_gives_is_the_quantile_of_chi_squared(self) -> None:
        expected = (1 / 500 + 1 / 5_000) * chi2.ppf(0.999, 9)
        assert psi_by_chance(10, 5_000, 500, level=0.001) == pytest.approx(expected, rel=0.01)
