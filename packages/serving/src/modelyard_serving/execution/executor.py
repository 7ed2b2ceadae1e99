"""Runs the calls of one model: short ones at once on the event loop, others in threads, by priority, behind a bounded
queue. It knows nothing of tensors, and never runs two calls at once for a model that is not safe for threads."""

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from modelyard_serving.errors import Kind, ServingError
from modelyard_serving.execution.pace import Pace
from modelyard_serving.execution.schedule import AT_LEISURE, Schedule

T = TypeVar("T")
_LAST = 2**63
_LOOP_SHARE_S = 0.005
"""How long queued calls may run on the event loop before it looks at other things."""


@dataclass(slots=True, kw_only=True, eq=False)
class Call(Generic[T]):
    """One prediction to be made. The executor writes down how long it waited and how long it ran."""

    function: Callable[[], T]
    rows: int
    schedule: Schedule = AT_LEISURE
    queue_s: float = 0.0
    compute_s: float = 0.0


@dataclass(slots=True, eq=False)
class _Waiting(Generic[T]):
    call: Call[T]
    future: asyncio.Future[T]
    since: float


class Executor:
    """All methods are called on the event loop's thread."""

    def __init__(
        self,
        *,
        loop: asyncio.AbstractEventLoop,
        pace: Pace,
        concurrency: int,
        max_queue: int,
        inline_limit_s: float,
        is_thread_safe: bool,
    ) -> None:
        self._loop = loop
        self._pace = pace
        self._concurrency = concurrency
        self._max_queue = max_queue
        self._inline_limit_s = inline_limit_s
        self._is_thread_safe = is_thread_safe
        self._threads = ThreadPoolExecutor(concurrency, thread_name_prefix="predict")
        self._queue: list[tuple[int, int, _Waiting[Any]]] = []
        self._order = itertools.count()
        self._running = 0

    @property
    def queued(self) -> int:
        """Calls that wait for a thread."""
        return len(self._queue)

    @property
    def running(self) -> int:
        """Calls that run in a thread now."""
        return self._running

    def may_run_here(self, rows: int) -> bool:
        """Whether a call of so many rows may be made now, on the event loop itself: it is expected to be short, and
        nothing that came before it waits. Who makes it says so by `ran_here`."""
        return (
            not self._queue
            and (self._is_thread_safe or not self._running)
            and self._pace.expect(rows) <= self._inline_limit_s
        )

    def ran_here(self, *, rows: int, seconds: float) -> None:
        """A call was made on the event loop."""
        self._pace.observe(rows=rows, seconds=seconds)

    def submit(self, call: Call[T]) -> "asyncio.Future[T]":
        """Run the call when its turn comes. A future that its caller cancels leaves the queue.

        Raises:
            ServingError: of kind BUSY when the queue is full. The future may raise TIMEOUT, or what the call raises.
        """
        if self._running >= self._concurrency and len(self._queue) >= self._max_queue:
            self._drop_abandoned()
            if len(self._queue) >= self._max_queue:
                raise ServingError(f"the server is busy: {len(self._queue)} requests are waiting", kind=Kind.BUSY)
        future: asyncio.Future[T] = self._loop.create_future()
        if call.schedule.timeout_s is not None:
            alarm = self._loop.call_later(call.schedule.timeout_s, _expire, future)
            future.add_done_callback(lambda _: alarm.cancel())
        waiting: _Waiting[Any] = _Waiting(call, future, time.perf_counter())
        heapq.heappush(self._queue, (call.schedule.priority or _LAST, next(self._order), waiting))
        self._dispatch()
        return future

    def close(self) -> None:
        """Let go of the threads; queued calls are cancelled."""
        for _, _, waiting in self._queue:
            waiting.future.cancel()
        self._queue.clear()
        self._threads.shutdown(wait=False)

    def _drop_abandoned(self) -> None:
        """Calls whose caller gave up or timed out while waiting make room."""
        self._queue = [entry for entry in self._queue if not entry[2].future.done()]
        heapq.heapify(self._queue)

    def _dispatch(self) -> None:
        """Start what waits: in threads, or here where it turned out to be short, as long as the loop can spare."""
        until = time.perf_counter() + _LOOP_SHARE_S
        while self._queue and self._running < self._concurrency:
            if time.perf_counter() > until:
                self._loop.call_soon(self._dispatch)
                return
            _, _, waiting = heapq.heappop(self._queue)
            if waiting.future.done():
                continue
            waiting.call.queue_s = time.perf_counter() - waiting.since
            is_free = self._is_thread_safe or not self._running
            if is_free and self._pace.expect(waiting.call.rows) <= self._inline_limit_s:
                _run(waiting.call, into=waiting.future, settle=self._settle)
            else:
                self._running += 1
                self._threads.submit(_run, waiting.call, into=waiting.future, settle=self._settle_from_thread)

    def _settle_from_thread(self, *outcome: Any) -> None:
        self._loop.call_soon_threadsafe(self._finish, *outcome)

    def _finish(self, *outcome: Any) -> None:
        self._running -= 1
        self._settle(*outcome)
        self._dispatch()

    def _settle(self, call: Call[Any], future: "asyncio.Future[Any]", result: Any, error: BaseException | None) -> None:
        self._pace.observe(rows=call.rows, seconds=call.compute_s)
        if future.done():
            return
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)


def _run(call: Call[Any], *, into: "asyncio.Future[Any]", settle: Callable[..., None]) -> None:
    """Make the call, on whatever thread, and hand over what came of it."""
    result, error = None, None
    started = time.perf_counter()
    try:
        result = call.function()
    except BaseException as raised:  # noqa: BLE001  # It is handed to the caller's future, whatever it is.
        error = raised
    call.compute_s = time.perf_counter() - started
    settle(call, into, result, error)


def _expire(future: "asyncio.Future[Any]") -> None:
    if not future.done():
        future.set_exception(ServingError("the request's time ran out", kind=Kind.TIMEOUT))
