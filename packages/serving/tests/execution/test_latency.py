"""How long predictions are expected to take."""

import math

from hypothesis import given
from hypothesis import strategies as st

from modelyard_serving.execution.latency import LatencyEstimator


class TestPace:
    def test_nothing_is_known_at_first(self) -> None:
        assert LatencyEstimator().estimate(1) == math.inf

    def test_one_accident_does_not_make_a_model_slow(self) -> None:
        latency_estimator = LatencyEstimator()
        latency_estimator.observe(rows=1, seconds=20e-6)
        latency_estimator.observe(rows=1, seconds=5e-3)
        assert latency_estimator.estimate(1) < 100e-6

    def test_a_model_that_became_slow_is_known_after_a_few_calls(self) -> None:
        latency_estimator = LatencyEstimator()
        latency_estimator.observe(rows=1, seconds=20e-6)
        for _ in range(4):
            latency_estimator.observe(rows=1, seconds=5e-3)
        assert latency_estimator.estimate(1) > 1e-3

    def test_a_call_that_no_accident_explains_counts_whole(self) -> None:
        latency_estimator = LatencyEstimator()
        latency_estimator.observe(rows=1, seconds=20e-6)
        latency_estimator.observe(rows=1, seconds=3.0)
        assert latency_estimator.estimate(1) == 3.0

    def test_a_model_that_became_short_again_is_trusted_again(self) -> None:
        latency_estimator = LatencyEstimator()
        latency_estimator.observe(rows=1, seconds=3.0)
        for _ in range(60):
            latency_estimator.observe(rows=1, seconds=20e-6)
        assert latency_estimator.estimate(1) < 100e-6

    def test_more_rows_than_ever_seen_are_expected_to_take_longer(self) -> None:
        latency_estimator = LatencyEstimator()
        latency_estimator.observe(rows=1, seconds=1e-5)
        assert latency_estimator.estimate(1000) == 1e-5 * 2**9

    def test_fewer_rows_than_ever_seen_take_at_most_as_long(self) -> None:
        latency_estimator = LatencyEstimator()
        latency_estimator.observe(rows=1000, seconds=1e-3)
        assert latency_estimator.estimate(1) == 1e-3

    @given(st.lists(st.tuples(st.integers(0, 10**12), st.floats(0, 1e3)), min_size=1), st.integers(0, 10**12))
    def test_what_is_expected_is_a_duration(self, calls: list[tuple[int, float]], rows: int) -> None:
        latency_estimator = LatencyEstimator()
        for size, seconds in calls:
            latency_estimator.observe(rows=size, seconds=seconds)
        assert 0 <= latency_estimator.estimate(rows) < math.inf
