"""What is counted: exact over all rows, and kept when a worker is gone."""

import mmap
import os

from prometheus_client.parser import text_string_to_metric_families

from modelyard_serving.metrics.cells import BATCHES, CELLS, Outcome
from modelyard_serving.metrics.exposition import expose, statistics
from modelyard_serving.metrics.recorder import Recorder
from modelyard_serving.metrics.shared_memory import SharedMetrics, make_metrics_file


def samples(metrics: SharedMetrics) -> dict[tuple[str, str], float]:
    """The samples by their name and the label that tells them apart."""
    text = expose(metrics, model="m", version="1").decode()
    found: dict[tuple[str, str], float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            assert (sample.labels["model"], sample.labels["version"]) == ("m", "1")
            apart = sample.labels.get("outcome") or sample.labels.get("reason") or sample.labels.get("worker") or ""
            found[sample.name, sample.labels.get("le", "") + apart] = sample.value
    return found


def record_success(recorder: Recorder, total_s: float = 0.001) -> None:
    recorder.record_success(total_s=total_s, queue_s=0, decode_s=1e-5, compute_s=2e-4, encode_s=1e-5)


class TestLedger:
    def test_two_processes_maps_of_one_file_are_one_memory(self) -> None:
        file = make_metrics_file()
        Recorder(SharedMetrics(file).row(3)).record_execution(5)
        assert SharedMetrics(file).total(BATCHES.sum) == 5

    def test_an_empty_ledger_takes_one_page_of_disk_for_its_name(self) -> None:
        file = make_metrics_file()
        assert os.fstat(file).st_blocks * 512 <= mmap.PAGESIZE

    def test_rows_do_not_overlap(self) -> None:
        metrics = SharedMetrics(make_metrics_file())
        first, second = metrics.row(0), metrics.row(1)
        first[CELLS - 1] = 1.0
        assert list(second) == [0.0] * CELLS


class TestExposition:
    def test_histograms_sum_all_workers(self) -> None:
        metrics = SharedMetrics(make_metrics_file())
        for index in range(3):
            record_success(Recorder(metrics.row(index)), 0.001 * (index + 1))
        found = samples(metrics)
        assert found["modelyard_request_duration_seconds_count", "ok"] == 3
        assert found["modelyard_request_duration_seconds_sum", "ok"] == 0.006
        assert found["modelyard_request_duration_seconds_bucket", "0.001ok"] == 1
        assert found["modelyard_request_duration_seconds_bucket", "0.0025ok"] == 2
        assert found["modelyard_request_duration_seconds_bucket", "+Infok"] == 3
        assert found["modelyard_compute_duration_seconds_count", ""] == 3

    def test_errors_are_reported_by_their_outcome_and_rejections_by_their_reason(self) -> None:
        metrics = SharedMetrics(make_metrics_file())
        recorder = Recorder(metrics.row(0))
        recorder.record_failure(Outcome.BUSY, total_s=0.001)
        recorder.record_failure(Outcome.INVALID, total_s=0.001)
        found = samples(metrics)
        assert found["modelyard_request_duration_seconds_count", "busy"] == 1
        assert found["modelyard_request_duration_seconds_count", "invalid"] == 1
        assert found["modelyard_requests_rejected_total", "busy"] == 1
        assert ("modelyard_requests_rejected_total", "invalid") not in found

    def test_counts_outlive_a_worker_and_its_gauges_do_not(self) -> None:
        metrics = SharedMetrics(make_metrics_file())
        gone = Recorder(metrics.row(0))
        record_success(gone)
        gone.set_gauges(in_flight=3, queued=2, rss_bytes=100)
        metrics.clear_gauges(0)
        record_success(Recorder(metrics.row(0)))
        Recorder(metrics.row(1)).set_gauges(in_flight=1, queued=0, rss_bytes=200)
        found = samples(metrics)
        assert found["modelyard_request_duration_seconds_count", "ok"] == 2
        assert found["modelyard_requests_in_flight", ""] == 1
        assert found["modelyard_queue_depth", ""] == 0
        assert ("modelyard_resident_memory_bytes", "0") not in found
        assert found["modelyard_resident_memory_bytes", "1"] == 200

    def test_batch_sizes_are_a_histogram_of_rows(self) -> None:
        metrics = SharedMetrics(make_metrics_file())
        recorder = Recorder(metrics.row(0))
        for rows in (1, 3, 10_000):
            recorder.record_execution(rows)
        found = samples(metrics)
        assert found["modelyard_batch_rows_bucket", "1.0"] == 1
        assert found["modelyard_batch_rows_bucket", "4.0"] == 2
        assert found["modelyard_batch_rows_count", ""] == 3
        assert found["modelyard_batch_rows_sum", ""] == 10_004


class TestStatistics:
    def test_they_are_those_of_the_extension_in_nanoseconds(self) -> None:
        metrics = SharedMetrics(make_metrics_file())
        recorder = Recorder(metrics.row(0))
        record_success(recorder)
        recorder.record_execution(8)
        recorder.record_failure(Outcome.TIMEOUT, total_s=0.5)
        reported = statistics(metrics, model="m", version="1")
        assert (reported["inference_count"], reported["execution_count"]) == (8, 1)
        assert reported["inference_stats"]["success"] == {"count": 1, "ns": 1_000_000}
        assert reported["inference_stats"]["fail"] == {"count": 1, "ns": 500_000_000}
        assert reported["inference_stats"]["compute_infer"] == {"count": 1, "ns": 200_000}
        assert reported["last_inference"] > 1_600_000_000_000
