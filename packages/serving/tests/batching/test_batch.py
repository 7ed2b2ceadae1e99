"""Joining and splitting: everyone gets their own rows and nobody else's."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard_serving.batching.batch import NotSplittableError, batch_key, join, split
from modelyard_serving.batching.batch_executor import BatchCall, TensorBatchExecutor
from modelyard_serving.batching.curve import Curve, measure
from modelyard_serving.errors import InvalidInput, Kind, ServingError
from modelyard_serving.execution.executor import Call, Executor
from modelyard_serving.execution.latency import LatencyEstimator
from modelyard_serving.execution.schedule import Schedule
from modelyard_serving.runtimes.base import Tensors

X = np.arange(4.0).reshape(2, 2)


class TestKey:
    def test_alike_requests_have_one_key(self) -> None:
        one = batch_key({"x": X}, None, {"priority": 1, "timeout": 5, "k": 2})
        other = batch_key({"x": X[:1] + 7}, None, {"k": 2, "binary_data_output": True})
        assert one == other is not None

    @pytest.mark.parametrize(
        ("inputs", "outputs", "parameters"),
        [
            ({"y": X}, None, None),
            ({"x": X.astype(np.float32)}, None, None),
            ({"x": X.reshape(1, 4)}, None, None),
            ({"x": X}, ["a"], None),
            ({"x": X}, None, {"k": 1}),
            ({"x": X}, None, {"k": True}),
            ({"x": X}, None, {"k": "1"}),
        ],
    )
    def test_whatever_the_model_could_tell_apart_is_apart(
        self, inputs: Tensors, outputs: list[str] | None, parameters: Mapping[str, Any] | None
    ) -> None:
        key = batch_key(inputs, outputs, parameters)
        assert key != batch_key({"x": X}, None, None)
        if parameters != {"k": 1}:
            assert key != batch_key({"x": X}, None, {"k": 1})

    @pytest.mark.parametrize(
        "inputs",
        [{}, {"x": np.float64(1).reshape(())}, {"x": X[:0]}, {"x": X, "y": X[:1]}],
    )
    def test_requests_without_rows_of_their_own_have_none(self, inputs: Tensors) -> None:
        assert batch_key(inputs, None, None) is None

    def test_an_odd_parameter_has_none(self) -> None:
        assert batch_key({"x": X}, None, {"k": [1]}) is None


class TestSplit:
    @given(st.lists(st.lists(st.integers(), min_size=1, max_size=5), min_size=1, max_size=8))
    def test_what_was_joined_comes_apart_the_same(self, batches: list[list[int]]) -> None:
        requests = [{"x": np.array(rows, dtype=object)} for rows in batches]
        parts = split(join(requests), [len(rows) for rows in batches])
        assert [part["x"].tolist() for part in parts] == batches

    @pytest.mark.parametrize("output", [np.zeros(3), np.zeros(()), np.zeros((1, 2))])
    def test_outputs_without_the_batchs_rows_are_not_split(self, output: Any) -> None:
        with pytest.raises(NotSplittableError, match="output 'y' of 2 rows has shape"):
            split({"y": output}, [1, 1])


class Clock:
    """Tells the time that a model's calls are said to take."""

    def __init__(self, seconds: Mapping[int, float]) -> None:
        self._seconds = seconds
        self._now = 0.0

    def __call__(self) -> float:
        return self._now

    def predict(self, inputs: Tensors) -> Tensors:
        rows = len(inputs["x"])
        self._now += self._seconds.get(rows, 0.001 * rows)
        return {"y": inputs["x"] * 2}


def flat(seconds: float) -> dict[int, float]:
    return dict.fromkeys((1, 4, 16, 64, 256), seconds)


class TestCurve:
    def test_a_call_that_costs_the_same_for_many_rows_pays(self) -> None:
        clock = Clock(flat(0.004))
        curve = measure(clock.predict, {"x": X}, clock=clock)
        assert curve is not None
        assert curve.is_worthwhile
        assert curve.best_rows == 256

    def test_a_call_that_costs_by_the_row_does_not(self) -> None:
        clock = Clock({})
        curve = measure(clock.predict, {"x": X}, clock=clock)
        assert curve is not None
        assert not curve.is_worthwhile

    def test_a_very_short_call_pays_too(self) -> None:
        assert Curve(flat(0.00001)).is_worthwhile

    def test_the_best_size_is_where_more_rows_gain_no_more(self) -> None:
        assert Curve({1: 0.001, 4: 0.001, 16: 0.004, 64: 0.016}).best_rows == 4

    @pytest.mark.parametrize(
        "predict",
        [
            lambda inputs: {"y": inputs["x"] + len(inputs["x"])},
            lambda inputs: {"y": inputs["x"].sum(axis=0)},
            lambda inputs: {"y": inputs["x"][:1]},
            lambda inputs: {f"y{len(inputs['x'])}": inputs["x"]},
            lambda inputs: {"y": np.array([str(len(inputs["x"]))] * len(inputs["x"]), dtype=object)},
        ],
    )
    def test_a_model_that_answers_differently_in_a_batch_is_never_batched(self, predict: Any) -> None:
        assert measure(predict, {"x": X}) is None

    def test_a_model_without_rows_is_never_batched(self) -> None:
        assert measure(lambda inputs: inputs, {"x": np.zeros(())}) is None


def model(inputs: Tensors, outputs: Any, parameters: Mapping[str, Any] | None) -> Tensors:
    """Ten times its input plus the parameter; refuses negative numbers."""
    if (inputs["x"] < 0).any():
        raise InvalidInput("negative")
    return {"y": inputs["x"] * 10 + (parameters or {}).get("k", 0)}


REQUESTS = st.lists(
    st.tuples(
        st.lists(st.integers(-1, 99), min_size=1, max_size=4),
        st.integers(0, 2),
        st.integers(0, 3),
        st.sampled_from([None, None, None, 0.0]),
        st.booleans(),
    ),
    min_size=1,
    max_size=20,
)


def executor(*, max_rows: int, concurrency: int = 1, count: Callable[[int], None] = lambda _: None) -> Executor:
    return Executor(
        loop=asyncio.get_running_loop(),
        latency_estimator=LatencyEstimator(),
        concurrency=concurrency,
        max_queue=100,
        inline_limit_s=0,
        is_thread_safe=True,
        batch_executor=TensorBatchExecutor(max_rows),
        count=count,
    )


def batch_call(rows: Sequence[int], parameters: Mapping[str, Any] | None = None, **schedule: Any) -> Call[Tensors]:
    function = BatchCall(model, {"x": np.array(rows)}, None, parameters)
    return Call(function=function, rows=len(rows), schedule=Schedule(**schedule), batch_key=function.key())


class TestTogether:
    @settings(deadline=None)
    @given(REQUESTS, st.integers(1, 12), st.sampled_from([1, 2]), st.sampled_from(["gather", "submit"]))
    def test_everyone_gets_what_they_would_get_alone(
        self,
        requests: list[tuple[list[int], int, int, float | None, bool]],
        max_rows: int,
        concurrency: int,
        way: str,
    ) -> None:
        """Whatever the batches: rows, parameters, priorities, one that is wrong, one that gave up, one out of time."""
        asyncio.run(self._check(requests, max_rows, concurrency, way=way))

    async def _check(
        self,
        requests: list[tuple[list[int], int, int, float | None, bool]],
        max_rows: int,
        concurrency: int,
        *,
        way: str,
    ) -> None:
        runs = executor(max_rows=max_rows, concurrency=concurrency)
        futures = []
        for rows, parameter, priority, timeout_s, gives_up in requests:
            parameters = {"k": parameter, "priority": priority}
            call = batch_call(rows, parameters, priority=priority, timeout_s=timeout_s)
            futures.append(runs.submit_to_batch(call) if way == "gather" else runs.submit(call))
            if gives_up:
                futures[-1].cancel()
        outcomes = await asyncio.gather(*futures, return_exceptions=True)
        runs.close()
        for (rows, parameter, _, timeout_s, gives_up), outcome in zip(requests, outcomes, strict=True):
            if gives_up:
                assert isinstance(outcome, asyncio.CancelledError)
            elif isinstance(outcome, ServingError) and outcome.kind is Kind.TIMEOUT:
                assert timeout_s is not None
                assert way == "submit"
            elif min(rows) < 0:
                assert isinstance(outcome, InvalidInput)
            else:
                assert not isinstance(outcome, BaseException)
                assert outcome.outputs["y"].tolist() == [row * 10 + parameter for row in rows]

    def test_what_waits_is_made_in_one_call(self) -> None:
        record_call: list[int] = []

        async def run() -> None:
            runs = executor(max_rows=8, count=record_call.append)
            await asyncio.gather(*[runs.submit(batch_call([row])) for row in range(10)])
            runs.close()

        asyncio.run(run())
        assert record_call == [1, 8, 1]


class TestGathered:
    """Calls that came in one turn of the event loop."""

    def run(self, *calls: Callable[[], Call[Tensors]], max_rows: int = 8) -> tuple[list[Any], list[int]]:
        """What came of them, and the rows of each call of the model."""
        record_call: list[int] = []

        async def gathered() -> list[Any]:
            runs = executor(max_rows=max_rows, count=record_call.append)
            futures = [runs.submit_to_batch(call()) for call in calls]
            outcomes = await asyncio.gather(*futures, return_exceptions=True)
            runs.close()
            return outcomes

        return asyncio.run(gathered()), record_call

    def test_alike_ones_are_one_call_of_the_model(self) -> None:
        outcomes, record_call = self.run(lambda: batch_call([1, 2]), lambda: batch_call([3]))
        assert [outcome.outputs["y"].tolist() for outcome in outcomes] == [[10, 20], [30]]
        assert record_call == [3]

    def test_others_are_calls_of_their_own(self) -> None:
        outcomes, record_call = self.run(
            lambda: batch_call([1]), lambda: batch_call([1], {"k": 5}), lambda: batch_call([2]), lambda: batch_call([])
        )
        assert [outcome.outputs["y"].tolist() for outcome in outcomes] == [[10], [15], [20], []]
        assert record_call == [2, 1, 0]

    def test_no_call_has_more_rows_than_is_best(self) -> None:
        _, record_call = self.run(*[lambda: batch_call([1, 2])] * 5, max_rows=5)
        assert record_call == [4, 4, 2]

    def test_a_wrong_one_fails_alone(self) -> None:
        outcomes, _ = self.run(lambda: batch_call([1]), lambda: batch_call([-1]), lambda: batch_call([2]))
        assert isinstance(outcomes[1], InvalidInput)
        assert [outcomes[at].outputs["y"].tolist() for at in (0, 2)] == [[10], [20]]

    def test_none_is_lost_when_the_model_is_replaced_in_their_turn(self) -> None:
        ends: list[str] = []

        async def run() -> Tensors:
            runs = executor(max_rows=8)
            future = runs.submit_to_batch(batch_call([1]))
            runs.close(lambda: ends.append("end"))
            assert ends == []
            return (await future).outputs

        assert asyncio.run(run())["y"].tolist() == [10]
        assert ends == ["end"]

    def test_they_tell_how_long_they_waited_and_ran(self) -> None:
        (first, second), _ = self.run(lambda: batch_call([1]), lambda: batch_call([2]))
        assert first.compute_s == second.compute_s > 0
        assert first.queue_s > second.queue_s > 0
