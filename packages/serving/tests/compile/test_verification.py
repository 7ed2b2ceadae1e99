"""The judge itself: it must find what is wrong with a translation, and refuse one that is not faster."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from modelyard_serving.compile.refusals import refusals
from modelyard_serving.compile.rows import near_edges, sample_around
from modelyard_serving.compile.speed import measure
from modelyard_serving.compile.verify import Difference, count_accepted, reference_outputs
from modelyard_serving.errors import InvalidInput
from modelyard_serving.protocol.datatypes import Datatype
from modelyard_serving.runtimes.base import Tensors
from modelyard_serving.signature import Signature, TensorSpec

SIGNATURE = Signature(
    inputs=(TensorSpec("x", Datatype.FP64, (-1, 2)), TensorSpec("town", Datatype.BYTES, (-1,), optional=True)),
    outputs=(TensorSpec("predictions", Datatype.FP64, (-1,)),),
)
EXAMPLE: Tensors = {"x": np.array([[1.0, 10.0], [3.0, 30.0]]), "town": np.array(["Ulm", "Bonn"], dtype=object)}


class Step:
    """1 above the threshold and 0 below it; it refuses infinities, and towns that it does not know."""

    platform = "test_step"
    signature = SIGNATURE
    is_thread_safe = True

    def __init__(self, threshold: float = 2.0, *, seconds: float = 0.0, clock: "Clock | None" = None) -> None:
        self._threshold = threshold
        self._seconds = seconds
        self._clock = clock

    def predict(
        self, inputs: Tensors, *, outputs: Sequence[str] | None = None, parameters: Mapping[str, Any] | None = None
    ) -> Tensors:
        if np.isinf(inputs["x"]).any() or "nowhere" in inputs["town"]:
            raise InvalidInput("refused")
        if self._clock:
            self._clock.now += self._seconds
        return {"predictions": (inputs["x"][:, 0] > self._threshold).astype(np.float64)}

    def close(self) -> None:
        pass


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def _score(rows: Tensors) -> Any:
    return Step().predict(rows)["predictions"]


class TestRows:
    def test_the_same_rows_are_sampled_each_time(self) -> None:
        first, second = (sample_around(EXAMPLE, SIGNATURE, texts=[], missing=["x", "town"]) for _ in range(2))
        np.testing.assert_array_equal(first["x"], second["x"])
        assert first["town"].tolist() == second["town"].tolist()

    def test_they_have_known_and_odd_texts_and_missing_values_where_allowed(self) -> None:
        rows = sample_around(EXAMPLE, SIGNATURE, texts=["Trier"], missing=["x", "town"])
        assert {"Ulm", "Bonn", "Trier", "", "nan", None} <= set(rows["town"])
        assert np.isnan(rows["x"]).any()
        without = sample_around(EXAMPLE, SIGNATURE, texts=[], missing=[])
        assert not np.isnan(without["x"]).any()
        assert None not in without["town"]

    def test_edges_are_found_to_the_last_bit(self) -> None:
        rows = sample_around(EXAMPLE, SIGNATURE, texts=[], missing=[])
        values = np.sort(near_edges(rows, SIGNATURE, _score, exact=True)["x"][:, 0])
        below, above = values[values <= 2.0].max(), values[values > 2.0].min()
        assert 0 < above - below < 1e-14

    def test_without_exact_rows_stay_a_step_beside_the_edge(self) -> None:
        rows = sample_around(EXAMPLE, SIGNATURE, texts=[], missing=[])
        values = near_edges(rows, SIGNATURE, _score, exact=False)["x"][:, 0]
        assert 1e-11 < np.abs(values - 2.0).min() < 1e-6

    def test_a_model_without_edges_has_no_rows_there(self) -> None:
        edges = near_edges(EXAMPLE, SIGNATURE, lambda rows: np.zeros(len(rows["x"])), exact=True)
        assert len(edges["x"]) == 0


class TestVerify:
    @pytest.mark.parametrize("threshold", [2.0 + 4e-16, float(np.float32(2.0000002)), 2.001])
    def test_a_threshold_that_is_off_by_a_bit_is_found_on_rows_near_the_edge(self, threshold: float) -> None:
        rows = near_edges(sample_around(EXAMPLE, SIGNATURE, texts=[], missing=[]), SIGNATURE, _score, exact=True)
        difference = Difference()
        difference.compare(Step().predict(rows), Step(threshold).predict(rows), among="near splits")
        assert difference.reason is not None
        assert difference.reason.startswith("output 'predictions' differs by 1 among the near splits rows")

    @pytest.mark.parametrize(
        ("expected", "got", "reason"),
        [
            ([1.0], [1.0 + 5e-6], None),
            ([1.0], [1.0 + 5e-5], "output 'y' differs by 5e-05 among the example rows"),
            ([np.nan], [np.nan], None),
            ([1.0], [np.nan], "output 'y' differs by nan among the example rows"),
            ([np.inf], [np.inf], None),
            ([1, 2, 2], [1, 2, 3], "output 'y' has another label in 1 of 3 example rows"),
            ([1.0], [1], "output 'y' is int64[1] instead of float64[1]"),
            ([[1.0]], [1.0], "output 'y' is float64[1] instead of float64[1, 1]"),
        ],
    )
    def test_what_differs_is_reported(self, expected: list[Any], got: list[Any], reason: str | None) -> None:
        difference = Difference()
        difference.compare({"y": np.array(expected)}, {"y": np.array(got)}, among="example")
        assert difference.reason == reason

    @pytest.mark.parametrize(("dtype", "is_same"), [(np.float32, True), (np.float64, False)])
    def test_numbers_of_float32_are_as_exact_as_the_largest_of_their_row(self, *, dtype: Any, is_same: bool) -> None:
        difference = Difference()
        right, left = (np.array([[1e7, number]], dtype=dtype) for number in (1.0, 1.5))
        difference.compare({"y": right}, {"y": left}, among="distant")
        assert (difference.reason is None) == is_same

    def test_rows_that_the_original_refuses_are_set_apart(self) -> None:
        rows = {"x": np.zeros((3, 2)), "town": np.array(["Ulm", "nowhere", "Bonn"], dtype=object)}
        answers = reference_outputs(Step(), rows, ["predictions"])
        assert answers is not None
        assert answers.rows["town"].tolist() == ["Ulm", "Bonn"]
        assert answers.refused["town"].tolist() == ["nowhere"]
        assert count_accepted(Step(), answers.refused) == 0

    def test_a_row_that_is_answered_though_the_original_refuses_it_is_counted(self) -> None:
        rows = {"x": np.zeros((2, 2)), "town": np.array(["Ulm", "nowhere"], dtype=object)}
        assert count_accepted(Step(), rows) == 1


class TestRefusals:
    def test_they_are_found_by_asking(self) -> None:
        found = refusals(Step(), EXAMPLE)
        assert (found.missing, found.infinite) == ((), ("x",))
        assert found.takes_missing(SIGNATURE) == ["x", "town"]


class TestSpeed:
    def test_the_ratio_is_of_the_best_rounds(self) -> None:
        clock = Clock()
        slow, fast = Step(seconds=0.01, clock=clock), Step(seconds=0.002, clock=clock)
        speeds = measure(slow, fast, EXAMPLE, clock=clock)
        assert [speed.rows for speed in speeds] == [1, 100]
        assert all(speed.ratio == pytest.approx(5) for speed in speeds)
