"""A promise is settled once and read once, whatever came first."""

import asyncio
import weakref

import pytest

from modelyard_serving.execution.future import Future, ensure_future

pytestmark = pytest.mark.anyio


class TestPromise:
    def test_its_reader_gets_what_comes_later(self) -> None:
        future, read = Future[int](), list[int | BaseException]()
        future.on_done(read.append)
        future.complete(1)
        assert read == [1]

    def test_its_reader_gets_what_is_there(self) -> None:
        future, read = Future[int](), list[int | BaseException]()
        future.complete(1)
        future.on_done(read.append)
        assert read == [1]

    def test_the_first_outcome_counts(self) -> None:
        future, read = Future[int](), list[int | BaseException]()
        future.complete(1)
        future.complete(2)
        future.on_done(read.append)
        assert read == [1]

    def test_cancelled_it_tells_the_source_once_and_the_reader_nothing(self) -> None:
        reported, read = list[str](), list[int | BaseException]()
        future: Future[int] = Future(lambda: reported.append("cancelled"))
        future.on_done(read.append)
        future.cancel()
        future.cancel()
        future.complete(1)
        assert (reported, read) == (["cancelled"], [])

    @pytest.mark.parametrize("end", ["settle", "cancel"])
    def test_done_it_holds_nobody(self, end: str) -> None:
        class Reader:
            """Waits for a source whose answer it passes on, so that both know each other."""

            def __init__(self, source: Future[int]) -> None:
                self.answer: Future[int] = Future(source.cancel)

            def __call__(self, outcome: int | BaseException) -> None:
                self.answer.complete(outcome)

        source: Future[int] = Future()
        callback = Reader(source)
        source.on_done(callback)
        held = weakref.ref(callback)
        del callback
        assert held() is not None
        if end == "settle":
            source.complete(1)
        else:
            source.cancel()
        assert held() is None

    async def test_awaited_it_gives_the_result_or_raises_the_error(self) -> None:
        good, bad = Future[int](), Future[int]()
        asyncio.get_running_loop().call_soon(good.complete, 1)
        bad.complete(KeyError("no"))
        assert await good == 1
        with pytest.raises(KeyError):
            await bad

    async def test_who_stops_to_await_it_cancels_it(self) -> None:
        reported: list[str] = []
        future: Future[int] = Future(lambda: reported.append("cancelled"))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(future, 0.01)
        assert reported == ["cancelled"]


class TestPromised:
    async def test_a_coroutine_is_run(self) -> None:
        async def one() -> int:
            return 1

        assert await ensure_future(one()) == 1

    async def test_a_coroutine_that_raises_settles_with_its_error(self) -> None:
        async def none() -> int:
            raise KeyError("no")

        with pytest.raises(KeyError):
            await ensure_future(none())

    async def test_cancelled_its_task_is_cancelled(self) -> None:
        ended: list[str] = []

        async def long() -> None:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                ended.append("cancelled")
                raise

        future = ensure_future(long())
        await asyncio.sleep(0)
        future.cancel()
        await asyncio.sleep(0.01)
        assert ended == ["cancelled"]

    async def test_a_promise_is_itself(self) -> None:
        future: Future[int] = Future()
        assert ensure_future(future) is future
