"""A short run of the rounds that `benchmarks/robustness/stops.py` makes at length."""

import pytest
from benchmarks.robustness.running import running
from benchmarks.robustness.stops import AIOHTTP, CLIENTS, stop_under_load


class TestStopUnderLoad:
    @pytest.mark.parametrize("workers", ["1", "2"])
    def test_no_request_of_a_stock_client_is_lost(self, workers: str) -> None:
        for _ in range(2):
            with running("Stamp", "--workers", workers, "--lame-duck-s", "0.3") as server:
                tally = stop_under_load(server, load_s=0.1)
            assert tally.lost == []
            assert set(tally.answered) == {*CLIENTS, AIOHTTP}
