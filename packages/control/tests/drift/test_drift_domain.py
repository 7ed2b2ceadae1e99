"""What is judged of a version under trial, and counters over restarts."""

import numpy as np
import pytest

from modelyard.analysis.drift import BinCounts, DriftVerdict
from modelyard.analysis.guardrails import Verdict
from modelyard.analysis.profile import ProfiledFeature, TrainingProfile
from modelyard.drift.domain import Served, added, judge, overall, since_last

EDGES = tuple(np.linspace(-2, 2, 9).tolist())


def _served(*, trained: float, gets: float, rows: int = 1_000, seed: int = 1, features: int = 1) -> Served:
    """One whose training data had this mean, and that gets numbers of another one."""
    random = np.random.default_rng(seed)
    profile = TrainingProfile("d", 5_000, tuple(_feature(f"x{n}", random, trained, 5_000) for n in range(features)), [])
    return Served(profile, tuple(_feature(f"x{n}", random, gets, rows) for n in range(features)))


def _feature(title: str, random: np.random.Generator, mean: float, rows: int) -> ProfiledFeature:
    bins = np.bincount(np.searchsorted(EDGES, random.normal(mean, 1, rows), side="right"), minlength=10)
    return ProfiledFeature(title, EDGES, None, BinCounts(tuple(bins.tolist())))


def _said(candidate: Served | None, production: Served | None = None, *, against_production: bool = True) -> Verdict:
    return judge(candidate, production, against_production=against_production)[0]


class TestAVersionUnderTrial:
    def test_one_that_gets_what_it_was_trained_on_is_not_worse(self) -> None:
        assert _said(_served(trained=0, gets=0), _served(trained=0, gets=0, seed=2)) is Verdict.NOT_WORSE

    def test_one_that_was_trained_on_something_else_is_worse(self) -> None:
        verdict, message = judge(
            _served(trained=1.5, gets=0), _served(trained=0, gets=0, seed=2), against_production=True
        )
        assert verdict is Verdict.WORSE
        assert message.startswith("against its training data: x0 (PSI: ")

    def test_drift_that_production_has_as_well_is_not_held_against_it(self) -> None:
        assert _said(_served(trained=0, gets=1.5), _served(trained=0, gets=1.5, seed=2)) is Verdict.NOT_WORSE

    @pytest.mark.parametrize(("against_production", "said"), [(True, Verdict.WORSE), (False, Verdict.NOT_WORSE)])
    def test_one_that_differs_from_production_is_worse_where_that_is_asked(
        self, *, against_production: bool, said: Verdict
    ) -> None:
        candidate, production = _served(trained=1.5, gets=1.5), _served(trained=0, gets=0, seed=2)
        assert _said(candidate, production, against_production=against_production) is said

    @pytest.mark.parametrize(("rows", "others"), [(499, 2_000), (2_000, 499)])
    def test_under_five_hundred_rows_of_either_there_is_too_little_data(self, rows: int, others: int) -> None:
        candidate, production = _served(trained=0, gets=0, rows=rows), _served(trained=0, gets=0, rows=others, seed=2)
        assert _said(candidate, production) is Verdict.TOO_LITTLE_DATA

    def test_without_a_production_that_counts_its_training_data_are_enough(self) -> None:
        assert _said(_served(trained=0, gets=0)) is Verdict.NOT_WORSE

    def test_without_training_data_it_never_passes_and_says_why(self) -> None:
        verdict, message = judge(None, _served(trained=0, gets=0), against_production=True)
        assert verdict is Verdict.TOO_LITTLE_DATA
        assert message.startswith("no training profile: drift cannot be judged")

    def test_a_good_one_of_thirty_features_is_not_taken_back_however_often_one_looks(self) -> None:
        """As rows come in, from the first 500 on."""
        seen = {
            _said(
                _served(trained=0, gets=0, rows=rows, seed=rows, features=30),
                _served(trained=0, gets=0, rows=rows, seed=rows + 1, features=30),
            )
            for rows in range(500, 3_000, 50)
        }
        assert seen == {Verdict.NOT_WORSE}


class TestAReport:
    def test_it_says_how_many_rows_are_missing_and_which_features_drifted(self) -> None:
        few, moved = _served(trained=0, gets=0, rows=20), _served(trained=0, gets=1, features=7)
        assert overall(few.report(), few.rows) == (
            DriftVerdict.TOO_LITTLE_DATA,
            "20 of the 500 rows that a judgement needs",
        )
        verdict, message = overall(moved.report(), moved.rows)
        assert verdict is DriftVerdict.DRIFTED
        assert message.startswith("7 of 7 features drifted: x0 (PSI: ")
        assert message.endswith("; and 2 more")


class TestCounters:
    def test_what_grew_counts_and_what_began_anew_counts_whole(self) -> None:
        assert since_last(None, [[1, 2]]) == [[1, 2]]
        assert since_last([[1, 2]], [[4, 2]]) == [[3, 0]]
        assert since_last([[4, 2]], [[1, 5]]) == [[1, 5]]
        assert since_last([[4, 2]], [[5, 2, 1]]) == [[5, 2, 1]]

    def test_several_are_added_bin_by_bin(self) -> None:
        assert added([]) == []
        assert added([[[1, 2], [3]], [[4, 5], [6]], [[1, 1], [1]]]) == [[6, 8], [10]]
