"""How many predictions run at a time, where nobody says it."""

import os

import pytest

from modelyard_serving.loading import usable_cores


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="only Linux pins processes to cores")
class TestUsableCores:
    def test_a_process_that_is_pinned_to_one_core_has_one(self) -> None:
        allowed = os.sched_getaffinity(0)
        try:
            os.sched_setaffinity(0, {min(allowed)})
            assert usable_cores() == 1
        finally:
            os.sched_setaffinity(0, allowed)
        assert usable_cores() == len(allowed)
