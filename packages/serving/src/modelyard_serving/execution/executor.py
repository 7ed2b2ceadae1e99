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

T = TypeVar("T")
LOWEST_PRIORITY = 2**32
_LOOP_SHARE_S = 0.005
"""How long queued calls may run on the event loop before it looks at other things."""


@dataclass(slots=True, kw_only=True)
class Call(Generic[T]):
    """One prediction to be made. The executor writes down how long it waited and how long it ran."""

    function: Callable[[], T]
    rows: int
    priority: int = 0
    """1 is the highest; 0 leaves it to the server, which puts it last."""
    deadline: float | None = None
    """A time of the loop's clock after which nobody waits for the result."""
    queue_s: float = 0.0
    compute_s: float = 0.0


@dataclass(slots=True)
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

    def run(self, call: Call[T]) -> "T | asyncio.Future[T]":
        """The call's result when it is expected to be short, else a future of it.

        Raises:
            ServingError: of kind BUSY when the queue is full. What the call itself raises passes through.
        """
        if not self._queue and self._is_free() and self._is_short(call):
            return self._run_here(call)
        return self._enqueue(call)

    def close(self) -> None:
        """Let go of the threads; queued calls are cancelled."""
        for _, _, waiting in self._queue:
            waiting.future.cancel()
        self._queue.clear()
        self._threads.shutdown(wait=False)

    def _is_free(self) -> bool:
        """Whether the event loop's thread may call the model now."""
        return self._is_thread_safe or not self._running

    def _is_short(self, call: Call[T]) -> bool:
        return self._pace.expect(call.rows) <= self._inline_limit_s

    def _run_here(self, call: Call[T]) -> T:
        started = time.perf_counter()
        try:
            return call.function()
        finally:
            call.compute_s = time.perf_counter() - started
            self._pace.observe(rows=call.rows, seconds=call.compute_s)

    def _enqueue(self, call: Call[T]) -> "asyncio.Future[T]":
        if self._running >= self._concurrency and len(self._queue) >= self._max_queue:
            self._drop_abandoned()
            if len(self._queue) >= self._max_queue:
                raise ServingError(f"the server is busy: {len(self._queue)} requests are waiting", kind=Kind.BUSY)
        future: asyncio.Future[T] = self._loop.create_future()
        if call.deadline is not None:
            alarm = self._loop.call_at(call.deadline, _expire, future)
            future.add_done_callback(lambda _: alarm.cancel())
        waiting: _Waiting[Any] = _Waiting(call, future, time.perf_counter())
        heapq.heappush(self._queue, (call.priority or LOWEST_PRIORITY, next(self._order), waiting))
        self._dispatch()
        return future

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
            if self._is_free() and self._is_short(waiting.call):
                _settle(waiting.future, *_outcome(self._run_here, waiting.call))
            else:
                self._running += 1
                self._threads.submit(self._run_in_thread, waiting)

    def _run_in_thread(self, waiting: _Waiting[Any]) -> None:
        started = time.perf_counter()
        result, error = _outcome(waiting.call.function)
        waiting.call.compute_s = time.perf_counter() - started
        self._loop.call_soon_threadsafe(self._finish, waiting, result, error)

    def _finish(self, waiting: _Waiting[Any], result: object, error: BaseException | None) -> None:
        self._running -= 1
        self._pace.observe(rows=waiting.call.rows, seconds=waiting.call.compute_s)
        _settle(waiting.future, result, error)
        self._dispatch()


def _outcome(function: Callable[..., object], *arguments: object) -> tuple[object, BaseException | None]:
    try:
        return function(*arguments), None
    except BaseException as error:  # noqa: BLE001  # It is handed to the caller's future, whatever it is.
        return None, error


def _settle(future: "asyncio.Future[Any]", result: object, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)


def _expire(future: "asyncio.Future[Any]") -> None:
    if not future.done():
        future.set_exception(ServingError("the request's time ran out", kind=Kind.TIMEOUT))
