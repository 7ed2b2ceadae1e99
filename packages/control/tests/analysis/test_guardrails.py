"""How often guardrails are wrong, and how soon they are right, in a thousand simulated roll-outs."""

import math
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, nchypergeom_fisher

from modelyard.analysis.counts import Counts
from modelyard.analysis.guardrails import (
    AgainstBudget,
    AgainstProduction,
    Evidence,
    Guardrail,
    Test,
    Verdict,
    split_alpha,
)
from modelyard.analysis.likelihood import log_ratio_of_odds, log_ratio_of_rates

RUNS = 1_000
ALL = frozenset(Guardrail)
PRODUCTION_PER_CANARY = 49
"""Requests of production for one of the canary: it has two percent of the weight."""
Looks = Iterator[tuple[Counts, Counts]]


def _looks(
    seed: int, *, canary: float, production: float, looks: int, canary_requests: int = 1, control: int | None = None
) -> Looks:
    """The counts of one roll-out, look after look."""
    rng = np.random.default_rng(seed)
    control_requests = canary_requests * PRODUCTION_PER_CANARY if control is None else control
    canary_events = rng.binomial(canary_requests, canary, size=looks).tolist()
    control_events = rng.binomial(control_requests, production, size=looks).tolist()
    for ours, theirs in zip(canary_events, control_events, strict=True):
        yield Counts(canary_requests, ours), Counts(control_requests, theirs)


def _first(test: Test, looks: Looks, *, alpha: float, of: Verdict = Verdict.WORSE) -> float:
    """How many requests of the canary were seen when this verdict came first; infinite when it never did."""
    evidence = test.start
    for canary, control in looks:
        evidence = test.look(evidence, canary, control)
        if test.standing(evidence, alpha=alpha, beta=0.05).verdict is of:
            return evidence.canary.trials
    return math.inf


class TestACanaryThatIsAsGood:
    """As production."""

    @pytest.mark.parametrize("share", [0.01, 0.3])
    def test_it_is_taken_back_in_at_most_five_percent_of_a_thousand_roll_outs(self, share: float) -> None:
        wrong = sum(
            math.isfinite(
                _first(
                    AgainstProduction(),
                    _looks(seed, canary=share, production=share, looks=100, canary_requests=10),
                    alpha=0.05,
                )
            )
            for seed in range(RUNS)
        )
        assert wrong <= 0.05 * RUNS

    def test_no_incident_that_hits_both_versions_alike_takes_it_back(self) -> None:
        def incidents(seed: int) -> Looks:
            rng = np.random.default_rng(seed)
            for rate in rng.choice([0.005, 0.4], size=100, p=[0.8, 0.2]).tolist():
                yield Counts(10, rng.binomial(10, rate)), Counts(90, rng.binomial(90, rate))

        wrong = sum(math.isfinite(_first(AgainstProduction(), incidents(seed), alpha=0.05)) for seed in range(300))
        assert wrong <= 0.05 * 300

    def test_all_guardrails_together_take_it_back_in_at_most_five_percent(self) -> None:
        levels = split_alpha(0.05, frozenset({Guardrail.ERRORS, Guardrail.LATENCY, Guardrail.DISAGREEMENT}))
        tests: dict[Guardrail, tuple[Test, float]] = {
            Guardrail.ERRORS: (AgainstProduction(), 0.01),
            Guardrail.LATENCY: (AgainstProduction(), 0.05),
            Guardrail.DISAGREEMENT: (AgainstBudget(allowed=0.05), 0.05),
        }

        def is_taken_back(seed: int) -> bool:
            return any(
                math.isfinite(
                    _first(
                        test,
                        _looks(seed * 3 + index, canary=share, production=share, looks=100, canary_requests=10),
                        alpha=levels[guardrail],
                    )
                )
                for index, (guardrail, (test, share)) in enumerate(tests.items())
            )

        assert sum(is_taken_back(seed) for seed in range(RUNS)) <= 0.05 * RUNS

    def test_without_any_error_on_either_side_it_passes_within_four_hundred_requests(self) -> None:
        looks = _looks(1, canary=0.0, production=0.0, looks=400)
        assert _first(AgainstProduction(), looks, alpha=0.05, of=Verdict.NOT_WORSE) <= 400

    def test_without_data_nothing_passes(self) -> None:
        for test in (AgainstProduction(), AgainstBudget(allowed=0.05)):
            assert test.standing(test.start, alpha=0.05, beta=0.05).verdict is Verdict.TOO_LITTLE_DATA


class TestACanaryThatIsWorse:
    """Than production, whose errors are one percent."""

    @pytest.mark.parametrize(("errors", "within"), [(0.1, 70), (0.5, 10), (1.0, 3)])
    def test_it_is_taken_back_within_few_of_its_requests(self, errors: float, within: int) -> None:
        level = split_alpha(0.05, ALL)[Guardrail.ERRORS]
        needed = [
            _first(AgainstProduction(), _looks(seed, canary=errors, production=0.01, looks=400), alpha=level)
            for seed in range(RUNS)
        ]
        assert np.quantile(needed, 0.9) <= within

    def test_a_slow_one_is_taken_back_within_few_of_its_requests(self) -> None:
        level = split_alpha(0.05, ALL)[Guardrail.LATENCY]
        needed = [
            _first(AgainstProduction(), _looks(seed, canary=0.95, production=0.05, looks=100), alpha=level)
            for seed in range(200)
        ]
        assert np.quantile(needed, 0.9) <= 10

    def test_one_that_is_worse_by_the_margin_passes_in_at_most_five_percent(self) -> None:
        rate = 2 * 0.05 / (1 + 0.05)  # Twice the odds of five percent.
        passed = sum(
            math.isfinite(
                _first(
                    AgainstProduction(),
                    _looks(seed, canary=rate, production=0.05, looks=100, canary_requests=10),
                    alpha=1e-12,
                    of=Verdict.NOT_WORSE,
                )
            )
            for seed in range(RUNS)
        )
        assert passed <= 0.05 * RUNS

    def test_a_shadow_that_answers_otherwise_is_found(self) -> None:
        level = split_alpha(0.05, ALL)[Guardrail.DISAGREEMENT]
        looks = _looks(3, canary=0.6, production=0.0, looks=100)
        assert _first(AgainstBudget(allowed=0.05), looks, alpha=level) <= 25


class TestEvidence:
    """What is kept between two looks."""

    def test_requests_of_a_look_without_any_of_the_other_version_wait_for_the_next_one(self) -> None:
        test = AgainstProduction()
        alone = test.look(test.start, Counts(3, 2), Counts())
        assert alone.worse == test.start.worse
        assert test.look(alone, Counts(), Counts(50, 1)) == test.look(test.start, Counts(3, 2), Counts(50, 1))

    def test_it_is_the_same_after_it_was_written_and_read(self) -> None:
        test = AgainstProduction()
        evidence = test.look(test.look(test.start, Counts(3, 2), Counts(9, 1)), Counts(1, 1), Counts())
        assert Evidence.of_json(evidence.to_json()) == evidence

    def test_the_parts_of_the_level_sum_to_it(self) -> None:
        assert math.isclose(sum(split_alpha(0.05, ALL).values()), 0.05)
        assert split_alpha(0.05, frozenset({Guardrail.LATENCY})) == {Guardrail.LATENCY: 0.05}


class TestLikelihoodRatios:
    """Against SciPy's distributions."""

    @given(
        canary=st.integers(1, 60),
        control=st.integers(1, 200),
        events=st.integers(0, 40),
        alternative=st.sampled_from([0.4, 2.5, 45.0]),
        null=st.sampled_from([1.0, 2.0]),
    )
    def test_that_of_odds_is_of_the_noncentral_hypergeometric_distribution(
        self, canary: int, control: int, events: int, alternative: float, null: float
    ) -> None:
        events = min(events, canary + control)
        ours = min(canary, events)
        if events - ours > control:
            return
        logs: Callable[[float], float] = lambda odds: float(  # noqa: E731  # One expression, twice.
            nchypergeom_fisher.logpmf(ours, canary + control, events, canary, odds)
        )
        ratio = log_ratio_of_odds(
            Counts(canary, ours), Counts(control, events - ours), alternative=alternative, null=null
        )
        assert ratio == pytest.approx(logs(alternative) - logs(null), rel=1e-6, abs=1e-6)

    def test_that_of_rates_is_of_the_binomial_distribution(self) -> None:
        expected = binom.logpmf(7, 40, 0.2) - binom.logpmf(7, 40, 0.05)
        assert log_ratio_of_rates(Counts(40, 7), alternative=0.2, null=0.05) == pytest.approx(expected)

    def test_its_expected_value_under_the_null_hypothesis_is_one(self) -> None:
        support = np.arange(0, 6)
        probabilities = nchypergeom_fisher.pmf(support, 105, 5, 15, 1.0)
        values = [
            math.exp(log_ratio_of_odds(Counts(15, k), Counts(90, 5 - k), alternative=9.0, null=1.0))
            for k in support.tolist()
        ]
        assert float(probabilities @ np.array(values)) == pytest.approx(1.0)

    def test_a_look_at_many_thousand_slow_requests_stays_finite(self) -> None:
        ratio = log_ratio_of_odds(Counts(20_000, 9_000), Counts(200_000, 10_000), alternative=9.0, null=1.0)
        assert ratio > 1_000
