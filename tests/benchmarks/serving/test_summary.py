"""Ratios and debts, from slices to the page."""

from pathlib import Path

import pytest
from benchmarks.serving.owed import debts
from benchmarks.serving.page import write_page
from benchmarks.serving.results import Failure, Line, Repeated, Slice, Started, Writer, read
from benchmarks.serving.summary import Ratio, Summary


def _slice(server: str, *, round: int, per_second: float, workload: str = "json-1-16", p99_us: float = 900.0) -> Slice:  # noqa: A002  # The field's name.
    return Slice(
        round=round,
        server=server,
        model="logistic",
        workload=workload,
        requests=100,
        errors=0,
        per_second=per_second,
        p50_us=500.0,
        p99_us=p99_us,
        cpu_us=40.0,
        client_share=0.3,
        memory_mb=80.0,
        largest_mb=75.0,
    )


def _lines() -> list[Line]:
    starts = [Started(server=name, model="logistic", seconds=0.5) for name in ("modelyard", "mlserver")]
    ours = [
        _slice("modelyard", round=number, per_second=rate) for number, rate in enumerate((20_000, 1_000, 21_000), 1)
    ]
    theirs = [
        _slice("mlserver", round=number, per_second=rate, p99_us=30_000)
        for number, rate in enumerate((1_000, 50, 1_000), 1)
    ]
    return [*starts, *ours, *theirs]


class TestRatios:
    def test_a_ratio_is_between_slices_of_one_round_so_a_slow_minute_of_the_machine_cancels_out(self) -> None:
        ratio = Summary(_lines()).ratio("per_second", "modelyard", "mlserver", model="logistic", workload="json-1-16")
        assert ratio == Ratio(20.0, 20.0, 21.0)

    def test_a_round_that_the_base_was_not_measured_in_tells_nothing(self) -> None:
        lines = [*_lines(), _slice("modelyard", round=4, per_second=1.0)]
        ratio = Summary(lines).ratio("per_second", "modelyard", "mlserver", model="logistic", workload="json-1-16")
        assert ratio == Ratio(20.0, 20.0, 21.0)

    def test_binary_tensors_are_compared_with_the_json_of_a_base_that_has_none(self) -> None:
        lines = [*_lines(), _slice("modelyard", round=1, per_second=12_000, workload="binary-1000-16")]
        ratio = Summary(lines).ratio(
            "per_second",
            "modelyard",
            "mlserver",
            model="logistic",
            workload="binary-1000-16",
            base_workload="json-1-16",
        )
        assert ratio == Ratio(12.0, 12.0, 12.0)

    def test_a_server_that_was_not_measured_has_no_ratio(self) -> None:
        ratio = Summary(_lines()).ratio("per_second", "ray", "mlserver", model="logistic", workload="json-1-16")
        assert ratio is None


class TestDebts:
    @pytest.mark.parametrize(("rate", "is_paid"), [(20_000, True), (19_000, False)])
    def test_twenty_times_mlserver_is_paid_or_not(self, rate: int, is_paid: bool) -> None:  # noqa: FBT001  # Parametrized.
        lines = [line for line in _lines() if not (isinstance(line, Slice) and line.round > 1)]
        lines = [
            _slice("modelyard", round=1, per_second=rate)
            if isinstance(line, Slice) and line.server == "modelyard"
            else line
            for line in lines
        ]
        reported = {debt.what: debt.is_paid for debt in debts(Summary(lines))}
        assert reported["logistic: REST, one row, 16 connections"] is is_paid
        assert reported["logistic: REST, one row, p99"] is True


class TestPage:
    def test_results_survive_their_file_and_the_page_tells_them_with_what_failed(self, tmp_path: Path) -> None:
        file = tmp_path / "results.jsonl"
        failure = Failure(server="ray", model="logistic", workload=None, reason="Ray Serve did not answer\nits log")
        with file.open("w") as opened:
            for line in (*_lines(), failure):
                Writer(opened).write(line)
        write_page(read([file]), tmp_path / "page" / "serving.md")
        page = (tmp_path / "page" / "serving.md").read_text()
        assert "| Modelyard, compiled | 20,000 | 20.0 × (20.0 to 21.0) | – | 0.50 | 0.90 | 40.0 | 0 |" in page
        assert "| Ray Serve 2.60.0 | logistic | start | Ray Serve did not answer its log |" in page
        assert (tmp_path / "page" / "serving-logistic.svg").read_text().count("Modelyard, compiled") == 1

    def test_what_came_only_on_a_second_attempt_is_reported_with_the_last_line_of_the_log(self, tmp_path: Path) -> None:
        lost = Repeated(server="ray", model="logistic", workload="json-1-16", reason="no answer; its log:\none\ntwo|2")
        write_page([*_lines(), lost], tmp_path / "serving.md")
        page = (tmp_path / "serving.md").read_text()
        assert "## What could not be measured" not in page
        assert "| Ray Serve 2.60.0 | logistic | json-1-16 | no answer; its log: two\\|2 |" in page

    def test_the_ratio_to_the_base_at_its_defaults_stands_beside(self, tmp_path: Path) -> None:
        name = "mlserver-defaults"
        slower: list[Line] = [
            Started(server=name, model="logistic", seconds=1.0),
            _slice(name, round=1, per_second=500),
        ]
        write_page([*_lines(), *slower], tmp_path / "serving.md")
        page = (tmp_path / "serving.md").read_text()
        assert "| 20,000 | 20.0 × (20.0 to 21.0) | 40.0 × (40.0 to 40.0) |" in page
