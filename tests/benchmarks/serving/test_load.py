"""What h2load tells, as the benchmark reads it."""

from pathlib import Path

import pytest
from benchmarks.serving.errors import BenchmarkError
from benchmarks.serving.load import WARM_UP_S, read

REPORTED = """finished in 1.30s, 5.00 req/s, 1.21KB/s
requests: 5 total, 5 started, 5 done, 4 succeeded, 1 failed, 0 errored, 2 timeout
status codes: 4 2xx, 0 3xx, 0 4xx, 1 5xx
traffic: 1.19KB (1219) total, 330B (330) headers (space savings 0.00%), 555B (555) data
"""
BEGUN = 1_795_270_604_888_913
LATER = BEGUN + round(WARM_UP_S * 1e6)


def _log(folder: Path, rows: list[tuple[int, int, int]]) -> Path:
    path = folder / "log.tsv"
    path.write_text("".join(f"{start}\t{status}\t{microseconds}\n" for start, status, microseconds in rows))
    return path


class TestRead:
    def test_requests_of_the_warm_up_are_handled_but_not_counted(self, tmp_path: Path) -> None:
        log = _log(tmp_path, [(BEGUN, 200, 9000), (LATER, 200, 100), (LATER + 5, 200, 300)])
        measured = read(REPORTED, log, message_bytes=None, seconds=2.0, client_share=0.5)
        assert (measured.handled, measured.requests, measured.per_second) == (3, 2, 1.0)
        assert measured.p50 == 200

    def test_answers_that_are_no_success_are_errors_and_no_throughput(self, tmp_path: Path) -> None:
        log = _log(tmp_path, [(BEGUN, 200, 100), (LATER, 500, 10), (LATER, 200, 100)])
        measured = read(REPORTED, log, message_bytes=None, seconds=1.0, client_share=0.5)
        assert (measured.requests, measured.errors) == (1, 3)

    def test_a_server_that_answered_nothing_has_no_latency(self, tmp_path: Path) -> None:
        measured = read(REPORTED, _log(tmp_path, []), message_bytes=None, seconds=1.0, client_share=0.5)
        assert (measured.requests, measured.per_second, measured.p99) == (0, 0.0, None)

    def test_what_is_not_understood_ends_the_run(self, tmp_path: Path) -> None:
        with pytest.raises(BenchmarkError, match="not understood"):
            read("Segmentation fault", _log(tmp_path, []), message_bytes=None, seconds=1.0, client_share=0.5)

    def test_a_call_that_brought_no_message_is_an_error_though_its_status_is_one_of_success(
        self, tmp_path: Path
    ) -> None:
        log = _log(tmp_path, [(BEGUN, 200, 100), (LATER, 200, 10), (LATER, 200, 100), (LATER, 200, 100)])
        reported = REPORTED.replace("1 failed, 0 errored, 2 timeout", "0 failed, 0 errored, 0 timeout")
        assert read(reported, log, message_bytes=185, seconds=1.0, client_share=0.5).errors == 1
