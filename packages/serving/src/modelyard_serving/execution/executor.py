"""Runs the calls of one model: short ones on the event loop, others in threads, by priority, behind a bounded queue.
Queued calls, and calls of one turn of the loop, that share a batch key run as one batch. It never runs two calls at
once for a model that is not thread-safe."""

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable, Hashable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from modelyard_serving.errors import Kind, ServingError
from modelyard_serving.execution.concurrency import ConcurrencyEstimator
from modelyard_serving.execution.future import Future
from modelyard_serving.execution.latency import LatencyEstimator
from modelyard_serving.execution.schedule import DEFAULT_SCHEDULE, Schedule

T = TypeVar("T")
_LOWEST_PRIORITY = 2**63
_MAX_INLINE_S = 0.005
"""How long queued calls may run on the event loop before it handles other events."""


@dataclass(slots=True, kw_only=True, eq=False)
class Call(Generic[T]):
    """One prediction to run."""

    function: Callable[[], T]
    rows: int
    schedule: Schedule = DEFAULT_SCHEDULE
    batch_key: Hashable | None = None
    """Calls of the same batch key may run as one batch; a call without a key runs alone."""


@dataclass(slots=True)
class Prediction(Generic[T]):
    """The outputs of a call, its queue time and its compute time, alone or in a batch."""

    outputs: T
    queue_s: float = 0.0
    compute_s: float = 0.0


class BatchExecutor(Protocol):
    """Runs calls of one batch key as one."""

    @property
    def max_rows(self) -> int:
        """The largest number of rows of a batch."""

    def __call__(self, calls: Sequence[Call[Any]]) -> Sequence[Any]:
        """The results of the calls, in their order. Raises any exception when the batch fails: then each call runs
        alone."""


@dataclass(slots=True, eq=False)
class _QueuedCall(Generic[T]):
    call: Call[T]
    future: Future[Prediction[T]]
    enqueued_at: float
    queue_s: float = 0.0
    timer: asyncio.TimerHandle | None = None


class Executor:
    """All methods are called on the event loop's thread."""

    def __init__(
        self,
        *,
        loop: asyncio.AbstractEventLoop,
        latency_estimator: LatencyEstimator,
        concurrency: int,
        max_queue: int,
        inline_limit_s: float,
        is_thread_safe: bool,
        batch_executor: BatchExecutor | None = None,
        count: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._loop = loop
        self._latency = latency_estimator
        self._concurrency = concurrency
        self._max_queue = max_queue
        self._inline_limit_s = inline_limit_s
        self._is_thread_safe = is_thread_safe
        self._batch_executor = batch_executor
        self._count = count
        self._threads = ThreadPoolExecutor(concurrency, thread_name_prefix="predict")
        self._queue: list[tuple[int, int, _QueuedCall[Any]]] = []
        self._pending_batch: list[_QueuedCall[Any]] = []
        self._concurrency_estimator = ConcurrencyEstimator()
        self._order = itertools.count()
        self._running = 0
        self._when_idle: Callable[[], None] | None = None

    @property
    def supports_batching(self) -> bool:
        """Whether calls of the same batch key run as one batch."""
        return self._batch_executor is not None

    @property
    def queued(self) -> int:
        """Queued calls, cancelled ones included until they are removed."""
        return len(self._queue)

    @property
    def running(self) -> int:
        """Calls that run in a thread now."""
        return self._running

    def may_run_inline(self, rows: int) -> bool:
        """Whether a call of `rows` rows may run now on the event loop: it is expected to be short, and nothing is
        queued before it. The caller reports it with `record_call`."""
        return (
            not self._queue
            and (self._is_thread_safe or not self._running)
            and self._latency.estimate(rows) <= self._inline_limit_s
        )

    def should_batch(self, rows: int) -> bool:
        """Whether a call that may run inline should be collected with the other calls of this turn of the loop. Must be
        called once per call."""
        if self._batch_executor is None or not self._is_thread_safe or rows >= self._batch_executor.max_rows:
            return False
        return bool(self._pending_batch) or self._concurrency_estimator.should_batch()

    def record_call(self, *, rows: int, seconds: float) -> None:
        """Record one call of the model."""
        self._latency.observe(rows=rows, seconds=seconds)
        self._count(rows)

    def submit_to_batch(self, call: Call[T]) -> Future[Prediction[T]]:
        """Run the call at the end of this turn of the event loop, in a batch with the calls of the same key. Only for
        calls for which `may_run_inline` and `should_batch` are true."""
        future: Future[Prediction[T]] = Future()
        self._pending_batch.append(_QueuedCall(call, future, time.perf_counter()))
        if len(self._pending_batch) == 1:
            self._loop.call_soon(self._run_pending_batch)
        return future

    def submit(self, call: Call[T]) -> Future[Prediction[T]]:
        """Queue the call. A cancelled call is skipped.

        Raises:
            ServingError: of kind BUSY when the queue is full. The future may hold TIMEOUT, or the call's exception.
        """
        if self._running >= self._concurrency and len(self._queue) >= self._max_queue:
            self._drop_abandoned()
            if len(self._queue) >= self._max_queue:
                raise ServingError(f"the server is busy: {len(self._queue)} requests are waiting", kind=Kind.BUSY)
        waiting: _QueuedCall[T] = _QueuedCall(call, Future(), time.perf_counter())
        if call.schedule.timeout_s is not None:
            error = ServingError("the request's time ran out", kind=Kind.TIMEOUT)
            waiting.timer = self._loop.call_later(call.schedule.timeout_s, waiting.future.complete, error)
        heapq.heappush(self._queue, (call.schedule.priority or _LOWEST_PRIORITY, next(self._order), waiting))
        self._dispatch()
        return waiting.future

    def close(self, when_idle: Callable[[], None] = lambda: None) -> None:
        """The caller submits no more calls. Accepted ones are completed, and then `when_idle` is called, once."""
        self._when_idle = when_idle
        self._close_if_idle()

    def _close_if_idle(self) -> None:
        if self._when_idle is None or self._running or self._queue or self._pending_batch:
            return
        when_idle, self._when_idle = self._when_idle, None
        self._threads.shutdown(wait=False)
        when_idle()

    def _drop_abandoned(self) -> None:
        """Remove calls that were cancelled or timed out from the queue."""
        self._queue = [entry for entry in self._queue if not entry[2].future.is_done]
        heapq.heapify(self._queue)

    def _run_pending_batch(self) -> None:
        pending, self._pending_batch = self._pending_batch, []
        self._concurrency_estimator.record(len(pending))
        now = time.perf_counter()
        for group in self._group_by_key(pending):
            for waiting in group:
                waiting.queue_s = now - waiting.enqueued_at
            batch_executor = self._batch_executor if len(group) > 1 else None
            completed = None if batch_executor is None else _run_batch(group, batch_executor)
            if completed is not None:
                self._complete(completed)
                continue
            for waiting in group:
                self._complete(_run_single(waiting))
        self._close_if_idle()

    def _group_by_key(self, pending: "Iterable[_QueuedCall[Any]]") -> "Iterable[list[_QueuedCall[Any]]]":
        """The calls in groups of one batch key, ordered by the first call of each."""
        max_rows = self._batch_executor.max_rows if self._batch_executor is not None else 1
        groups: list[list[_QueuedCall[Any]]] = []
        open_groups: dict[Hashable, tuple[int, list[_QueuedCall[Any]]]] = {}
        for waiting in pending:
            if waiting.future.is_done:
                continue
            batch_key, rows = waiting.call.batch_key, waiting.call.rows
            group_rows, group = open_groups.get(batch_key, (0, None)) if batch_key is not None else (0, None)
            if group is None or group_rows + rows > max_rows:
                group_rows, group = 0, []
                groups.append(group)
            group.append(waiting)
            open_groups[batch_key] = (group_rows + rows, group)
        return groups

    def _dispatch(self) -> None:
        """Start queued calls: in threads, or inline where they are expected to be short, within `_MAX_INLINE_S`."""
        until = time.perf_counter() + _MAX_INLINE_S
        while self._queue and self._running < self._concurrency:
            if time.perf_counter() > until:
                self._loop.call_soon(self._dispatch)
                return
            _, _, waiting = heapq.heappop(self._queue)
            if waiting.future.is_done:
                continue
            group = [waiting, *self._take_same_key(waiting)]
            now = time.perf_counter()
            for member in group:
                member.queue_s = now - member.enqueued_at
            is_free = self._is_thread_safe or not self._running
            if len(group) == 1 and is_free and self._latency.estimate(waiting.call.rows) <= self._inline_limit_s:
                self._complete(_run_single(waiting))
            else:
                self._running += 1
                self._threads.submit(self._run_in_thread, group)

    def _take_same_key(self, first: "_QueuedCall[Any]") -> "list[_QueuedCall[Any]]":
        """Remove the queued calls that may run in a batch with the first one, and return them in their order."""
        batch_executor, batch_key = self._batch_executor, first.call.batch_key
        if batch_executor is None or batch_key is None or not self._queue:
            return []
        remaining_rows = batch_executor.max_rows - first.call.rows
        selected: list[_QueuedCall[Any]] = []
        remaining: list[tuple[int, int, _QueuedCall[Any]]] = []
        for entry in sorted(self._queue):
            waiting = entry[2]
            if waiting.future.is_done:
                continue
            if waiting.call.batch_key == batch_key and waiting.call.rows <= remaining_rows:
                remaining_rows -= waiting.call.rows
                selected.append(waiting)
            else:
                remaining.append(entry)
        self._queue = remaining  # Sorted, so it is a heap.
        return selected

    def _run_in_thread(self, group: "list[_QueuedCall[Any]]") -> None:
        completed = None
        if self._batch_executor is not None and len(group) > 1:
            completed = _run_batch(group, self._batch_executor)
        if completed is None:
            for waiting in group[:-1]:
                self._loop.call_soon_threadsafe(self._complete, _run_single(waiting))
            completed = _run_single(group[-1])
        self._loop.call_soon_threadsafe(self._finish, completed)

    def _finish(self, completed: "_Completed") -> None:
        self._running -= 1
        self._complete(completed)
        self._dispatch()
        self._close_if_idle()

    def _complete(self, completed: "_Completed") -> None:
        """Complete the futures of one call of the model."""
        self.record_call(rows=completed.rows, seconds=completed.seconds)
        for waiting, result in zip(completed.group, completed.results, strict=True):
            if waiting.timer is not None:
                waiting.timer.cancel()
            waiting.future.complete(completed.error or Prediction(result, waiting.queue_s, completed.seconds))


@dataclass(slots=True)
class _Completed:
    """One call of the model, for one or several callers."""

    group: Sequence[_QueuedCall[Any]]
    rows: int
    seconds: float
    results: Sequence[Any]
    error: BaseException | None = None


def _run_single(waiting: _QueuedCall[Any]) -> _Completed:
    result, error = None, None
    started = time.perf_counter()
    try:
        result = waiting.call.function()
    except BaseException as raised:  # noqa: BLE001  # The caller gets it through the future.
        error = raised
    return _Completed([waiting], waiting.call.rows, time.perf_counter() - started, [result], error)


def _run_batch(group: Sequence[_QueuedCall[Any]], batch_executor: BatchExecutor) -> _Completed | None:
    """One call for the group; None when it failed, and the single calls then show which request is at fault."""
    started = time.perf_counter()
    try:
        results = batch_executor([waiting.call for waiting in group])
    except Exception:  # noqa: BLE001  # As above.
        return None
    rows = sum(waiting.call.rows for waiting in group)
    return _Completed(group, rows, time.perf_counter() - started, results)
