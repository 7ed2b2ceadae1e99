"""A future of the event loop's thread with one callback: without a task, and without a turn of the loop between the
result and its callback."""

import asyncio
from collections.abc import Awaitable, Callable, Generator
from functools import partial
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Future(Generic[T]):
    """Completed once, read once, by a callback or by `await`.

    Once done, it drops its references to the callback and the source; futures that refer to each other would otherwise
    live until the garbage collector runs.
    """

    __slots__ = ("_callback", "_on_cancel", "_outcome", "is_done")

    def __init__(self, on_cancel: Callable[[], object] | None = None) -> None:
        """Args:
        on_cancel: called when the future is cancelled.
        """
        self._on_cancel = on_cancel
        self._outcome: T | BaseException | None = None
        self._callback: Callable[[Any], object] | None = None
        self.is_done = False
        """Completed or cancelled."""

    def on_done(self, callback: Callable[[T | BaseException], object]) -> None:
        """Call `callback` with the outcome: when it arrives, or now when it is there. The callback must not raise."""
        if self.is_done:
            callback(self._outcome)  # type: ignore[arg-type]  # A completed future has an outcome.
        else:
            self._callback = callback

    def complete(self, outcome: T | BaseException) -> None:
        """Set the outcome. No effect on a future that is done."""
        if self.is_done:
            return
        self.is_done = True
        callback, self._callback, self._on_cancel = self._callback, None, None
        if callback is None:
            self._outcome = outcome
        else:
            callback(outcome)

    def cancel(self) -> None:
        """Cancel. The callback is not called."""
        if self.is_done:
            return
        self.is_done = True
        on_cancel, self._on_cancel, self._callback = self._on_cancel, None, None
        self._outcome = asyncio.CancelledError()
        if on_cancel is not None:
            on_cancel()

    def __await__(self) -> Generator[Any, None, T]:
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self.on_done(partial(_copy_outcome, future))
        try:
            return (yield from future)
        except asyncio.CancelledError:
            self.cancel()
            raise


def ensure_future(awaitable: Awaitable[T]) -> Future[T]:
    """The future itself, or one for the task of another awaitable; cancelling it cancels the task."""
    if isinstance(awaitable, Future):
        return awaitable
    task = asyncio.get_running_loop().create_task(_awaited(awaitable))
    future: Future[T] = Future(task.cancel)
    task.add_done_callback(lambda done: future.complete(_outcome(done)))
    return future


async def _awaited(awaitable: Awaitable[T]) -> T:
    return await awaitable


def _outcome(task: "asyncio.Task[T]") -> T | BaseException:
    if task.cancelled():
        return asyncio.CancelledError()
    return task.exception() or task.result()


def _copy_outcome(future: "asyncio.Future[T]", outcome: T | BaseException) -> None:
    if future.done():
        return
    if isinstance(outcome, asyncio.CancelledError):
        future.cancel()
    elif isinstance(outcome, BaseException):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
