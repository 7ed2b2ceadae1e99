"""Runs the calls of one model: short ones on the event loop, others in threads, by priority, behind a bounded queue;
calls that wait, or came in the same turn of the loop, and are alike are made together. It never runs two calls at once
for a model that is not safe for threads."""

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable, Hashable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from modelyard_serving.errors import Kind, ServingError
from modelyard_serving.execution.company import Company
from modelyard_serving.execution.pace import Pace
from modelyard_serving.execution.promise import Promise
from modelyard_serving.execution.schedule import AT_LEISURE, Schedule

T = TypeVar("T")
_LAST = 2**63
_LOOP_SHARE_S = 0.005
"""How long queued calls may run on the event loop before it looks at other things."""


@dataclass(slots=True, kw_only=True, eq=False)
class Call(Generic[T]):
    """One prediction to be made."""

    function: Callable[[], T]
    rows: int
    schedule: Schedule = AT_LEISURE
    likeness: Hashable | None = None
    """Calls of the same likeness may be made together; one without any is made alone."""


@dataclass(slots=True)
class Prediction(Generic[T]):
    """What a call gave, how long it waited and how long it ran, alone or together with others."""

    outputs: T
    queue_s: float = 0.0
    compute_s: float = 0.0


class Together(Protocol):
    """How calls that are alike are made as one."""

    @property
    def most_rows(self) -> int:
        """As many rows as one call should have at most."""

    def __call__(self, calls: Sequence[Call[Any]]) -> Sequence[Any]:
        """The result of each call in their order. Raises anything when they cannot be made together: then each is made
        alone."""


@dataclass(slots=True, eq=False)
class _Waiting(Generic[T]):
    call: Call[T]
    promise: Promise[Prediction[T]]
    since: float
    queue_s: float = 0.0
    alarm: asyncio.TimerHandle | None = None


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
        together: Together | None = None,
        count: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._loop = loop
        self._pace = pace
        self._concurrency = concurrency
        self._max_queue = max_queue
        self._inline_limit_s = inline_limit_s
        self._is_thread_safe = is_thread_safe
        self._together = together
        self._count = count
        self._threads = ThreadPoolExecutor(concurrency, thread_name_prefix="predict")
        self._queue: list[tuple[int, int, _Waiting[Any]]] = []
        self._gathered: list[_Waiting[Any]] = []
        self._company = Company()
        self._order = itertools.count()
        self._running = 0
        self._when_idle: Callable[[], None] | None = None

    @property
    def makes_batches(self) -> bool:
        """Whether calls of the same likeness are made together."""
        return self._together is not None

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
        nothing that came before it waits. Who makes it says so by `called`."""
        return (
            not self._queue
            and (self._is_thread_safe or not self._running)
            and self._pace.expect(rows) <= self._inline_limit_s
        )

    def should_gather(self, rows: int) -> bool:
        """Whether a call that may run here should be gathered with what else comes in this turn of the loop; asked once
        for each call."""
        if self._together is None or not self._is_thread_safe or rows >= self._together.most_rows:
            return False
        return bool(self._gathered) or self._company.is_expected()

    def called(self, *, rows: int, seconds: float) -> None:
        """The model was called once."""
        self._pace.observe(rows=rows, seconds=seconds)
        self._count(rows)

    def gather(self, call: Call[T]) -> Promise[Prediction[T]]:
        """Make the call on the event loop when it has read all that came with it, those that are alike as one: what the
        loop found ready at one look costs one call of the model. For calls that may run here and it should gather."""
        promise: Promise[Prediction[T]] = Promise()
        self._gathered.append(_Waiting(call, promise, time.perf_counter()))
        if len(self._gathered) == 1:
            self._loop.call_soon(self._make_gathered)
        return promise

    def submit(self, call: Call[T]) -> Promise[Prediction[T]]:
        """Run the call when its turn comes. One that its caller cancels leaves the queue.

        Raises:
            ServingError: of kind BUSY when the queue is full. The promise may bring TIMEOUT, or what the call raises.
        """
        if self._running >= self._concurrency and len(self._queue) >= self._max_queue:
            self._drop_abandoned()
            if len(self._queue) >= self._max_queue:
                raise ServingError(f"the server is busy: {len(self._queue)} requests are waiting", kind=Kind.BUSY)
        waiting: _Waiting[T] = _Waiting(call, Promise(), time.perf_counter())
        if call.schedule.timeout_s is not None:
            error = ServingError("the request's time ran out", kind=Kind.TIMEOUT)
            waiting.alarm = self._loop.call_later(call.schedule.timeout_s, waiting.promise.settle, error)
        heapq.heappush(self._queue, (call.schedule.priority or _LAST, next(self._order), waiting))
        self._dispatch()
        return waiting.promise

    def close(self, when_idle: Callable[[], None] = lambda: None) -> None:
        """Take no more calls. Those that came are made; after the last one `when_idle` is called, once."""
        self._when_idle = when_idle
        self._close_if_idle()

    def _close_if_idle(self) -> None:
        if self._when_idle is None or self._running or self._queue or self._gathered:
            return
        when_idle, self._when_idle = self._when_idle, None
        self._threads.shutdown(wait=False)
        when_idle()

    def _drop_abandoned(self) -> None:
        """Calls whose caller gave up or timed out while waiting make room."""
        self._queue = [entry for entry in self._queue if not entry[2].promise.is_done]
        heapq.heapify(self._queue)

    def _make_gathered(self) -> None:
        gathered, self._gathered = self._gathered, []
        self._company.met(len(gathered))
        now = time.perf_counter()
        for group in self._groups(gathered):
            for waiting in group:
                waiting.queue_s = now - waiting.since
            made = _made_together(group, self._together) if len(group) > 1 and self._together is not None else None
            if made is not None:
                self._settle(made)
                continue
            for waiting in group:
                self._settle(_made_alone(waiting))
        self._close_if_idle()

    def _groups(self, gathered: "Iterable[_Waiting[Any]]") -> "Iterable[list[_Waiting[Any]]]":
        """Those that may be made together, in the order of the first of each."""
        most_rows = self._together.most_rows if self._together is not None else 1
        groups: list[list[_Waiting[Any]]] = []
        open_groups: dict[Hashable, tuple[int, list[_Waiting[Any]]]] = {}
        for waiting in gathered:
            if waiting.promise.is_done:
                continue
            likeness, rows = waiting.call.likeness, waiting.call.rows
            taken, group = open_groups.get(likeness, (0, None)) if likeness is not None else (0, None)
            if group is None or taken + rows > most_rows:
                taken, group = 0, []
                groups.append(group)
            group.append(waiting)
            open_groups[likeness] = (taken + rows, group)
        return groups

    def _dispatch(self) -> None:
        """Start what waits: in threads, or here where it turned out to be short, as long as the loop can spare."""
        until = time.perf_counter() + _LOOP_SHARE_S
        while self._queue and self._running < self._concurrency:
            if time.perf_counter() > until:
                self._loop.call_soon(self._dispatch)
                return
            _, _, waiting = heapq.heappop(self._queue)
            if waiting.promise.is_done:
                continue
            group = [waiting, *self._alike(waiting)]
            now = time.perf_counter()
            for member in group:
                member.queue_s = now - member.since
            is_free = self._is_thread_safe or not self._running
            if len(group) == 1 and is_free and self._pace.expect(waiting.call.rows) <= self._inline_limit_s:
                self._settle(_made_alone(waiting))
            else:
                self._running += 1
                self._threads.submit(self._run_in_thread, group)

    def _alike(self, first: "_Waiting[Any]") -> "list[_Waiting[Any]]":
        """Those of the queue that may be made together with the first one, in their order; they leave the queue."""
        together, likeness = self._together, first.call.likeness
        if together is None or likeness is None or not self._queue:
            return []
        room = together.most_rows - first.call.rows
        taken: list[_Waiting[Any]] = []
        left: list[tuple[int, int, _Waiting[Any]]] = []
        for entry in sorted(self._queue):
            waiting = entry[2]
            if waiting.promise.is_done:
                continue
            if waiting.call.likeness == likeness and waiting.call.rows <= room:
                room -= waiting.call.rows
                taken.append(waiting)
            else:
                left.append(entry)
        self._queue = left  # Sorted, so it is a heap.
        return taken

    def _run_in_thread(self, group: "list[_Waiting[Any]]") -> None:
        made = None
        if self._together is not None and len(group) > 1:
            made = _made_together(group, self._together)
        if made is None:
            for waiting in group[:-1]:
                self._loop.call_soon_threadsafe(self._settle, _made_alone(waiting))
            made = _made_alone(group[-1])
        self._loop.call_soon_threadsafe(self._finish, made)

    def _finish(self, made: "_Made") -> None:
        self._running -= 1
        self._settle(made)
        self._dispatch()
        self._close_if_idle()

    def _settle(self, made: "_Made") -> None:
        """Hand over what came of one call of the model."""
        self.called(rows=made.rows, seconds=made.seconds)
        for waiting, result in zip(made.group, made.results, strict=True):
            if waiting.alarm is not None:
                waiting.alarm.cancel()
            waiting.promise.settle(made.error or Prediction(result, waiting.queue_s, made.seconds))


@dataclass(slots=True)
class _Made:
    """One call of the model, for one or several callers."""

    group: Sequence[_Waiting[Any]]
    rows: int
    seconds: float
    results: Sequence[Any]
    error: BaseException | None = None


def _made_alone(waiting: _Waiting[Any]) -> _Made:
    result, error = None, None
    started = time.perf_counter()
    try:
        result = waiting.call.function()
    except BaseException as raised:  # noqa: BLE001  # It is handed to the caller, whatever it is.
        error = raised
    return _Made([waiting], waiting.call.rows, time.perf_counter() - started, [result], error)


def _made_together(group: Sequence[_Waiting[Any]], together: Together) -> _Made | None:
    """The calls made as one; None when that did not work, and whose fault it is shows when each is made alone."""
    started = time.perf_counter()
    try:
        results = together([waiting.call for waiting in group])
    except Exception:  # noqa: BLE001  # As above.
        return None
    rows = sum(waiting.call.rows for waiting in group)
    return _Made(group, rows, time.perf_counter() - started, results)
