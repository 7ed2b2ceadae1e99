"""The states of workers and of the whole, and the waits between lives."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard_serving.workers.slot import Slot
from modelyard_serving.workers.states import (
    TRANSITIONS,
    Backoff,
    Fact,
    ServerState,
    WorkerState,
    server_state,
)

READY = Fact(WorkerState.READY, 0)
STARTING = Fact(WorkerState.STARTING, 0)
TRYING_AGAIN = Fact(WorkerState.STARTING, 2)
WAITING = Fact(WorkerState.BACKOFF, 3)


class TestServerState:
    @pytest.mark.parametrize(
        ("workers", "state"),
        [
            ([STARTING], ServerState.STARTING),
            ([READY], ServerState.READY),
            ([READY, STARTING], ServerState.DEGRADED),
            ([READY, WAITING], ServerState.DEGRADED),
            ([WAITING], ServerState.FAILED),
            ([TRYING_AGAIN, WAITING], ServerState.FAILED),
            ([STARTING, WAITING], ServerState.STARTING),
        ],
    )
    def test_the_whole_depends_on_its_workers(self, workers: list[Fact], state: ServerState) -> None:
        assert server_state(workers, is_draining=False) is state

    @given(st.lists(st.sampled_from([READY, STARTING, WAITING])))
    def test_a_server_that_stops_is_draining_whatever_its_workers_do(self, workers: list[Fact]) -> None:
        assert server_state(workers, is_draining=True) is ServerState.DRAINING


class TestWorkerState:
    @pytest.mark.parametrize("state", WorkerState)
    def test_a_slot_moves_along_the_table_only(self, state: WorkerState) -> None:
        for target in WorkerState:
            slot = Slot(index=0, row=0, state=state)
            if target in TRANSITIONS[state]:
                slot.move(target)
                assert slot.state is target
            else:
                with pytest.raises(AssertionError):
                    slot.move(target)


class TestBackoff:
    def test_a_settled_worker_starts_again_at_once(self) -> None:
        assert Backoff().delay(0) == 0

    def test_each_failure_doubles_the_wait_up_to_the_longest(self) -> None:
        backoff = Backoff(first_s=1, longest_s=5)
        assert [backoff.delay(failures) for failures in range(1, 6)] == [1, 2, 4, 5, 5]

    @given(st.integers(0, 10**9))
    def test_no_number_of_failures_waits_for_longer_than_the_longest(self, failures: int) -> None:
        assert 0 <= Backoff().delay(failures) <= Backoff().longest_s
