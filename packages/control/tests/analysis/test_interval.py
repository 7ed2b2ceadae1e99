"""The interval of the difference of two versions' outcomes, however often one looks."""

import numpy as np
import pytest
from ville import AsymptoticABTest

from modelyard.analysis.interval import Difference, Sums, difference

LOOKS = range(30, 1_501, 10)


def _sums(values: np.ndarray, count: int) -> Sums:
    some = values[:count]
    return Sums(count, float(some.sum()), float((some * some).sum()))


def _is_ever_certain(candidate: np.ndarray, control: np.ndarray) -> bool:
    found = (difference(_sums(candidate, count), _sums(control, count)) for count in LOOKS)
    return any(one is not None and one.is_certain for one in found)


class TestTheInterval:
    """Of an A/B test."""

    @pytest.mark.parametrize("rate", [0.5, 0.05])
    def test_equal_versions_differ_in_at_most_five_percent_of_tests(self, rate: float) -> None:
        rng = np.random.default_rng(11)
        wrong = sum(_is_ever_certain(*(rng.random((2, 1_500)) < rate).astype(float)) for _ in range(300))
        assert wrong <= 0.05 * 300

    def test_a_real_difference_is_found_with_its_size(self) -> None:
        rng = np.random.default_rng(5)
        found = difference(_sums(rng.normal(12, 3, 2_000), 2_000), _sums(rng.normal(10, 3, 2_000), 2_000))
        assert found is not None
        assert found.is_certain
        assert found.low < 2.0 < found.high

    def test_it_is_as_wide_as_that_of_another_implementation(self) -> None:
        rng = np.random.default_rng(9)
        values, treated = rng.normal(0, 1, 4_000), np.arange(4_000) % 2
        ours = difference(_sums(values[treated == 1], 2_000), _sums(values[treated == 0], 2_000))
        theirs = AsymptoticABTest(alpha=0.05).fit(values, treated)
        assert ours is not None
        assert ours.high - ours.low == pytest.approx(theirs.upper_[-1] - theirs.lower_[-1], rel=0.15)

    def test_there_is_none_of_few_outcomes_or_of_outcomes_that_are_all_equal(self) -> None:
        assert difference(Sums(29, 10, 10), Sums(1_000, 500, 500)) is None
        assert difference(Sums(100), Sums(100)) is None

    def test_versions_whose_outcomes_were_all_yes_and_all_no_differ(self) -> None:
        found = difference(Sums(40, 40, 40), Sums(40, 0, 0))
        assert isinstance(found, Difference)
        assert found.low > 0.5
