"""A promise is settled once and read once, whatever came first."""

import asyncio
import weakref

import pytest

from modelyard_serving.execution.promise import Promise, promised

pytestmark = pytest.mark.anyio


class TestPromise:
    def test_its_reader_gets_what_comes_later(self) -> None:
        promise, read = Promise[int](), list[int | BaseException]()
        promise.then(read.append)
        promise.settle(1)
        assert read == [1]

    def test_its_reader_gets_what_is_there(self) -> None:
        promise, read = Promise[int](), list[int | BaseException]()
        promise.settle(1)
        promise.then(read.append)
        assert read == [1]

    def test_the_first_outcome_counts(self) -> None:
        promise, read = Promise[int](), list[int | BaseException]()
        promise.settle(1)
        promise.settle(2)
        promise.then(read.append)
        assert read == [1]

    def test_cancelled_it_tells_the_source_once_and_the_reader_nothing(self) -> None:
        told, read = list[str](), list[int | BaseException]()
        promise: Promise[int] = Promise(lambda: told.append("cancelled"))
        promise.then(read.append)
        promise.cancel()
        promise.cancel()
        promise.settle(1)
        assert (told, read) == (["cancelled"], [])

    @pytest.mark.parametrize("end", ["settle", "cancel"])
    def test_done_it_holds_nobody(self, end: str) -> None:
        class Reader:
            """Waits for a source whose answer it passes on, so that both know each other."""

            def __init__(self, source: Promise[int]) -> None:
                self.answer: Promise[int] = Promise(source.cancel)

            def __call__(self, outcome: int | BaseException) -> None:
                self.answer.settle(outcome)

        source: Promise[int] = Promise()
        reader = Reader(source)
        source.then(reader)
        held = weakref.ref(reader)
        del reader
        assert held() is not None
        if end == "settle":
            source.settle(1)
        else:
            source.cancel()
        assert held() is None

    async def test_awaited_it_gives_the_result_or_raises_the_error(self) -> None:
        good, bad = Promise[int](), Promise[int]()
        asyncio.get_running_loop().call_soon(good.settle, 1)
        bad.settle(KeyError("no"))
        assert await good == 1
        with pytest.raises(KeyError):
            await bad

    async def test_who_stops_to_await_it_cancels_it(self) -> None:
        told: list[str] = []
        promise: Promise[int] = Promise(lambda: told.append("cancelled"))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(promise, 0.01)
        assert told == ["cancelled"]


class TestPromised:
    async def test_a_coroutine_is_run(self) -> None:
        async def one() -> int:
            return 1

        assert await promised(one()) == 1

    async def test_a_coroutine_that_raises_settles_with_its_error(self) -> None:
        async def none() -> int:
            raise KeyError("no")

        with pytest.raises(KeyError):
            await promised(none())

    async def test_cancelled_its_task_is_cancelled(self) -> None:
        ended: list[str] = []

        async def long() -> None:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                ended.append("cancelled")
                raise

        promise = promised(long())
        await asyncio.sleep(0)
        promise.cancel()
        await asyncio.sleep(0.01)
        assert ended == ["cancelled"]

    async def test_a_promise_is_itself(self) -> None:
        promise: Promise[int] = Promise()
        assert promised(promise) is promise
