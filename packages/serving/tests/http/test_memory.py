"""What a request was made of is gone when it is answered."""

import gc

import anyio
import pytest
from planes import bench
from sample_models import Sleeper

from modelyard_serving.execution.future import Future
from modelyard_serving.http.exchange import Request

pytestmark = pytest.mark.anyio

BRIEFLY = {"inputs": [{"name": "seconds", "shape": [1], "datatype": "FP64", "data": [0.001]}]}


class TestMemory:
    @pytest.mark.parametrize("headers", [{}, {"accept_encoding": "gzip", "x_request_id": "r1"}])
    async def test_nothing_of_an_answered_request_waits_for_the_garbage_collector(
        self, headers: dict[str, str]
    ) -> None:
        """A request may have made 64 MB of its body."""
        sleeper = bench(Sleeper())  # Its first call is made in a thread: it is promised.
        gc.collect()
        before = _alive()
        gc.disable()
        try:
            assert (await sleeper.infer(BRIEFLY, **headers)).status == 200
            for _ in range(500):  # The thread that made the call may still be about to leave it.
                if _alive() <= before:
                    break
                await anyio.sleep(0.01)
            else:
                pytest.fail("promises or requests are left")
        finally:
            gc.enable()


def _alive() -> int:
    """How many promises and requests there are. It asks no object for its class: some warn when they are asked."""
    return sum(type(each) in (Future, Request) for each in gc.get_objects())
