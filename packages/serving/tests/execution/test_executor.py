"""Short calls run at once, others in threads: in their order, never two at a time where that is not safe."""

import asyncio
import threading
from collections.abc import Callable, Sequence

import pytest

from modelyard_serving.errors import Kind, ServingError
from modelyard_serving.execution.executor import BatchExecutor, Call, Executor
from modelyard_serving.execution.latency import LatencyEstimator
from modelyard_serving.execution.schedule import Schedule

pytestmark = pytest.mark.anyio


def executor(
    *,
    latency_estimator: LatencyEstimator | None = None,
    concurrency: int = 1,
    max_queue: int = 16,
    is_thread_safe: bool = False,
    batch_executor: BatchExecutor | None = None,
) -> Executor:
    return Executor(
        loop=asyncio.get_running_loop(),
        latency_estimator=latency_estimator or LatencyEstimator(),
        concurrency=concurrency,
        max_queue=max_queue,
        inline_limit_s=0.001,
        is_thread_safe=is_thread_safe,
        batch_executor=batch_executor,
    )


def short() -> LatencyEstimator:
    latency_estimator = LatencyEstimator()
    latency_estimator.observe(rows=1, seconds=1e-5)
    return latency_estimator


class Never:
    """Makes no calls together, though it says that it could."""

    max_rows = 8

    def __call__(self, calls: Sequence[Call[object]]) -> Sequence[object]:
        raise AssertionError(f"{len(calls)} calls that are not alike")


class Gate:
    """A call that waits until it is opened, and says that it began."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self._open = threading.Event()

    def __call__(self) -> str:
        self.began.set()
        self._open.wait(10)
        return "through"

    def open(self) -> None:
        self._open.set()


async def begin(gate: Gate) -> None:
    await asyncio.get_running_loop().run_in_executor(None, gate.began.wait, 10)


def call(function: Callable[[], object], *, priority: int = 0, timeout_s: float | None = None) -> Call[object]:
    return Call(function=function, rows=1, schedule=Schedule(priority, timeout_s))


class TestWhere:
    async def test_a_call_of_unknown_length_runs_in_a_thread(self) -> None:
        runs = executor()
        assert not runs.may_run_inline(1)
        assert (await runs.submit(call(threading.current_thread))).outputs is not threading.current_thread()

    async def test_a_short_call_may_run_on_the_loop(self) -> None:
        assert executor(latency_estimator=short()).may_run_inline(1)

    async def test_a_model_learnt_to_be_short_runs_on_the_loop(self) -> None:
        runs = executor()
        await runs.submit(call(int))
        assert runs.may_run_inline(1)

    async def test_while_an_unsafe_model_runs_in_a_thread_it_runs_nowhere_else(self) -> None:
        gate, runs = Gate(), executor(latency_estimator=LatencyEstimator())
        running = runs.submit(call(gate))
        await begin(gate)
        runs.record_call(rows=1, seconds=1e-6)
        assert not runs.may_run_inline(1)
        gate.open()
        await running

    async def test_what_waits_runs_on_the_loop_once_the_model_is_known_to_be_short(self) -> None:
        gate, runs = Gate(), executor()
        first = runs.submit(call(gate))
        await begin(gate)
        second = runs.submit(call(threading.current_thread))
        runs.record_call(rows=1, seconds=1e-6)
        gate.open()
        await first
        for _ in range(100):  # The first call's own time made the model look slow; it is forgotten.
            runs.record_call(rows=1, seconds=1e-6)
        assert isinstance((await second).outputs, threading.Thread)

    async def test_a_call_that_raises_raises_at_its_caller(self) -> None:
        with pytest.raises(ZeroDivisionError):
            await executor().submit(call(lambda: 1 // 0))


class TestOrder:
    async def test_priorities_come_first_and_then_the_order_of_arrival(self) -> None:
        gate, runs, order = Gate(), executor(), list[str]()
        first = runs.submit(call(gate))
        await begin(gate)
        names = [("late", 0), ("low", 3), ("high", 1), ("later", 0), ("high too", 1)]
        rest = [runs.submit(call(lambda name=name: order.append(name), priority=level)) for name, level in names]  # type: ignore[misc]  # mypy cannot infer a lambda with defaults.
        gate.open()
        await asyncio.gather(first, *rest)
        assert order == ["high", "high too", "low", "late", "later"]

    async def test_a_full_queue_is_busy_and_names_its_length(self) -> None:
        gate, runs = Gate(), executor(max_queue=1)
        first = runs.submit(call(gate))
        await begin(gate)
        second = runs.submit(call(int))
        with pytest.raises(ServingError, match="1 requests are waiting") as raised:
            runs.submit(call(int))
        assert raised.value.kind is Kind.BUSY
        gate.open()
        assert (await second).outputs == 0
        await first

    async def test_callers_that_gave_up_make_room(self) -> None:
        gate, runs = Gate(), executor(max_queue=1)
        first = runs.submit(call(gate))
        await begin(gate)
        runs.submit(call(int)).cancel()
        third = runs.submit(call(int))
        gate.open()
        assert (await third).outputs == 0
        await first

    async def test_concurrency_bounds_what_runs_at_a_time(self) -> None:
        gates, runs = [Gate() for _ in range(3)], executor(concurrency=2, is_thread_safe=True)
        calls = [runs.submit(call(gate)) for gate in gates]
        await asyncio.gather(begin(gates[0]), begin(gates[1]))
        assert (runs.running, runs.queued) == (2, 1)
        for gate in gates:
            gate.open()
        await asyncio.gather(*calls)


class TestDeadline:
    async def test_a_call_whose_time_ran_out_while_it_waited_is_never_made(self) -> None:
        gate, runs, made = Gate(), executor(), list[int]()
        first = runs.submit(call(gate))
        await begin(gate)
        with pytest.raises(ServingError) as raised:
            await runs.submit(call(lambda: made.append(1), timeout_s=0.01))
        assert raised.value.kind is Kind.TIMEOUT
        gate.open()
        await first
        await runs.submit(call(int))
        assert made == []

    async def test_the_caller_of_a_call_that_runs_too_long_gets_a_timeout(self) -> None:
        gate, runs = Gate(), executor()
        with pytest.raises(ServingError) as raised:
            await runs.submit(call(gate, timeout_s=0.01))
        assert raised.value.kind is Kind.TIMEOUT
        gate.open()
        assert (await runs.submit(call(int))).outputs == 0


class TestGather:
    async def test_what_is_not_safe_for_threads_or_gains_nothing_is_never_gathered(self) -> None:
        assert not executor(is_thread_safe=True).should_batch(1)

    async def test_what_came_alone_is_soon_made_at_once_and_concurrency_is_noticed_again(self) -> None:
        runs = executor(latency_estimator=short(), is_thread_safe=True, batch_executor=Never())
        for _ in range(4):
            if runs.should_batch(1):
                await runs.submit_to_batch(call(int))
        assert not runs.should_batch(1)
        asked = 1
        while not runs.should_batch(1):
            asked += 1
        assert asked < 32
        await asyncio.gather(runs.submit_to_batch(call(int)), runs.submit_to_batch(call(int)))
        assert runs.should_batch(1)

    async def test_calls_of_many_rows_are_made_at_once(self) -> None:
        runs = executor(latency_estimator=short(), is_thread_safe=True, batch_executor=Never())
        assert runs.should_batch(Never.max_rows - 1)
        assert not runs.should_batch(Never.max_rows)


class TestClose:
    async def test_the_last_call_is_made_before_the_end_is_reported_once(self) -> None:
        gate, runs, ends = Gate(), executor(), list[str]()
        first, second = runs.submit(call(gate)), runs.submit(call(int))
        await begin(gate)
        runs.close(lambda: ends.append("end"))
        assert ends == []
        gate.open()
        assert ((await first).outputs, (await second).outputs) == ("through", 0)
        await asyncio.sleep(0)
        assert ends == ["end"]

    async def test_an_idle_one_ends_at_once(self) -> None:
        ends: list[str] = []
        executor().close(lambda: ends.append("end"))
        assert ends == ["end"]
