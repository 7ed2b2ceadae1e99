"""A container that the engine refuses is tried again later, and later each time."""

import pytest

from modelyard.adapters.target.docker.refusals import Refusals
from modelyard.errors import Unavailable


class Clock:
    """Stands still between the lines of a test."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_it_is_tried_again_after_a_growing_delay_of_at_most_half_a_minute() -> None:
    clock = Clock()
    refusals = Refusals(clock)
    for delay in (1, 2, 4, 8, 16, 30, 30):
        refusals.note("one", "no such network")
        clock.now += delay - 0.5
        with pytest.raises(Unavailable, match="no such network"):
            refusals.check("one")
        clock.now += 0.5
        refusals.check("one")


def test_another_one_is_tried_at_once_and_one_that_was_made_begins_anew() -> None:
    refusals = Refusals(Clock())
    refusals.note("dep-1-r0", "no such network")
    refusals.check("dep-1-r1")
    with pytest.raises(Unavailable, match="no such network"):
        refusals.check("dep-1-r0")
    refusals.forget("dep-1-")
    refusals.check("dep-1-r0")
