"""Counters of drift: what they count, that they never hold more than a bound, and where a server shows them."""

from typing import Any

import numpy as np
import orjson
import pytest
from planes import bench
from sample_models import Doubler

from modelyard_serving.drift.counters import MOST_BYTES, MOST_ROWS, DriftCounters, read_counters
from modelyard_serving.drift.profile import Profile
from modelyard_serving.drift.training import profile_of
from modelyard_serving.metrics.shared_memory import SharedMetrics, make_metrics_file

pytestmark = pytest.mark.anyio

PROFILE = profile_of({"x": np.array([[1.0, 2.0], [3.0, 4.0]])}, {"y": np.array([[2.0, 4.0], [6.0, 8.0]])}, rows=2)


@pytest.fixture
def metrics() -> SharedMetrics:
    return SharedMetrics(make_metrics_file())


def _counted(metrics: SharedMetrics, profile: Profile = PROFILE) -> dict[str, list[int]]:
    counts = read_counters(metrics.rows() or [metrics.row(0)], profile)
    return {feature.name: each for feature, each in zip(profile.features, counts, strict=True)}


def _row(metrics: SharedMetrics, index: int = 0, profile: Profile = PROFILE) -> DriftCounters:
    row = metrics.row(index)
    row[0] = 1.0
    return DriftCounters(profile, row, inputs=["x", "image"])


class TestCounters:
    def test_rows_of_many_requests_are_counted_together(self, metrics: SharedMetrics) -> None:
        counters = _row(metrics)
        for value in (0.0, 1.0, 1.0, 3.0, 99.0, np.nan):
            counters.add({"x": np.array([[value, 2.0]])}, {"y": np.array([[value * 2, 4.0]])}, 10)
        counters.close()
        assert _counted(metrics)["x[0]"] == [1, 2, 1, 1, 1, 0]
        assert _counted(metrics)["x[1]"] == [0, 6, 0, 0, 0, 0]

    def test_all_workers_are_summed_and_one_that_starts_anew_goes_on(self, metrics: SharedMetrics) -> None:
        for index in (0, 1, 1):
            counters = _row(metrics, index)
            counters.add({"x": np.ones((4, 2))}, {}, 10)
            counters.close()
        assert _counted(metrics)["x[0]"] == [0, 12, 0, 0, 0, 0]

    def test_another_profile_begins_anew(self, metrics: SharedMetrics) -> None:
        counters = _row(metrics)
        counters.add({"x": np.ones((4, 2))}, {}, 10)
        counters.close()
        other = profile_of({"x": np.array([[5.0, 2.0], [7.0, 4.0]])}, {}, rows=2)
        _row(metrics, profile=other).close()
        assert _counted(metrics, other)["x[0]"] == [0] * 6

    def test_of_a_large_request_rows_at_even_distances_are_counted(self, metrics: SharedMetrics) -> None:
        counters = _row(metrics)
        rows = np.column_stack([np.repeat([1.0, 3.0], 5_000), np.full(10_000, 2.0)])
        counters.add({"x": rows}, {"y": rows * 2}, 1000)
        counters.close()
        first = _counted(metrics)["x[0]"]
        assert first[1] == first[2] == sum(first) // 2
        assert 100 < sum(first) <= MOST_ROWS

    def test_between_two_flushes_it_holds_so_many_rows_and_bytes_and_no_more(self, metrics: SharedMetrics) -> None:
        counters = _row(metrics)
        for _ in range(10_000):
            counters.add(
                {"x": np.ones((1, 2)), "image": np.ones((1, 9))}, {"y": np.ones((1, 2)), "other": np.ones(1)}, 100
            )
        assert sum(rows for _, _, rows in counters._kept) == MOST_ROWS
        assert all((set(inputs), set(outputs)) == ({"x"}, {"y"}) for inputs, outputs, _ in counters._kept)
        counters.flush()
        counters.wait()
        for _ in range(10):
            counters.add({"x": np.ones((1, 2))}, {}, MOST_BYTES // 2)
        assert len(counters._kept) == 2
        counters.close()
        assert _counted(metrics)["x[0]"][1] == MOST_ROWS + 2

    @pytest.mark.parametrize(
        "inputs",
        [
            {},
            {"x": np.array(1.0)},
            {"x": np.ones((0, 2))},
            {"x": np.ones((1, 1))},
            {"x": np.array([[None, "text"]], dtype=object)},
            {"x": np.array([["2026-01-01"] * 2], dtype="datetime64[D]")},
            {"x": np.full((1, 2), np.inf), "other": np.ones(3)},
            {"other": np.ones(10_000), "x": np.array(1.0)},
        ],
    )
    def test_inputs_of_another_shape_or_type_break_nothing(self, metrics: SharedMetrics, inputs: Any) -> None:
        counters = _row(metrics)
        counters.add(inputs, {"y": np.ones(7)}, 10)
        counters.add({"x": np.ones((1, 2))}, {}, 10)
        counters.close()
        assert sum(_counted(metrics)["x[0]"]) in (1, 2), _counted(metrics)


class TestAServer:
    """Of a bundle with a profile of its training data."""

    async def test_it_shows_what_it_counted_of_inputs_and_answers(self) -> None:
        one = bench(Doubler())
        one.plane.served = one.plane.served.__class__(one.plane.served.model, "sample", "3", profile=PROFILE)
        one.plane.drift = DriftCounters(PROFILE, one.plane.recorder.cells, inputs=["x"])
        await one.ask("POST", "/predict", {"inputs": [[1, 2], [3, 50]]})
        one.plane.drift.close()
        shown = orjson.loads((await one.ask("GET", "/drift")).body)
        assert (shown["name"], shown["version"], shown["profile"]) == ("sample", "3", PROFILE.digest)
        assert len(shown["instance"]) == 32
        assert dict(zip([each.name for each in PROFILE.features], shown["counts"], strict=True)) == {
            "y[0]": [0, 1, 1, 0, 0, 0],
            "y[1]": [0, 1, 0, 1, 0, 0],
            "x[0]": [0, 1, 1, 0, 0, 0],
            "x[1]": [0, 1, 0, 1, 0, 0],
        }

    async def test_without_a_profile_it_says_so(self) -> None:
        shown = orjson.loads((await bench(Doubler()).ask("GET", "/drift")).body)
        assert (shown["profile"], shown["counts"]) == (None, None)
        assert shown["reason"] == "no training profile: drift cannot be judged"
