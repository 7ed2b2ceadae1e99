"""The shared metrics in Prometheus' text format, and as the protocol's statistics extension."""

from collections.abc import Iterable, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from modelyard_serving.metrics.cells import (
    BATCHES,
    IN_FLIGHT,
    LAST_INFERENCE_MS,
    LOG_DROPPED,
    PHASES,
    QUEUED,
    REJECTIONS,
    RSS_BYTES,
    TOTALS,
    HistogramCells,
    Outcome,
    Phase,
)
from modelyard_serving.metrics.shared_memory import SharedMetrics

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_PHASES = {
    Phase.QUEUE: "Queue time of a successful request.",
    Phase.DECODE: "Decoding and validation time of a successful request.",
    Phase.COMPUTE: "Compute time of the model for a successful request.",
    Phase.ENCODE: "Encoding time of a response.",
}


def expose(metrics: SharedMetrics, *, model: str, version: str, device: str = "cpu") -> bytes:
    """All metrics of all workers in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(_MetricsCollector(metrics, model=model, version=version, device=device))
    return generate_latest(registry)


def statistics(metrics: SharedMetrics, *, model: str, version: str) -> Mapping[str, Any]:
    """One model's entry of the statistics extension; durations are nanoseconds."""
    failed = [TOTALS[outcome] for outcome in Outcome if outcome is not Outcome.OK]
    return {
        "name": model,
        "version": version,
        "last_inference": int(max((row[LAST_INFERENCE_MS] for row in metrics.rows()), default=0)),
        "inference_count": int(metrics.total(BATCHES.sum)),
        "execution_count": _total_count(metrics, [BATCHES]),
        "inference_stats": {
            "success": _duration(metrics, [TOTALS[Outcome.OK]]),
            "fail": _duration(metrics, failed),
            "queue": _duration(metrics, [PHASES[Phase.QUEUE]]),
            "compute_input": _duration(metrics, [PHASES[Phase.DECODE]]),
            "compute_infer": _duration(metrics, [PHASES[Phase.COMPUTE]]),
            "compute_output": _duration(metrics, [PHASES[Phase.ENCODE]]),
            "cache_hit": {"count": 0, "ns": 0},
            "cache_miss": {"count": 0, "ns": 0},
        },
        "batch_stats": [],
        "memory_usage": [
            {"type": "CPU", "id": index, "byte_size": int(row[RSS_BYTES])}
            for index, row in enumerate(metrics.rows())
            if row[RSS_BYTES]
        ],
    }


def _duration(metrics: SharedMetrics, histograms: Iterable[HistogramCells]) -> dict[str, int]:
    all_cells = list(histograms)
    return {
        "count": _total_count(metrics, all_cells),
        "ns": round(sum(metrics.total(cells.sum) for cells in all_cells) * 1e9),
    }


def _total_count(metrics: SharedMetrics, histograms: Iterable[HistogramCells]) -> int:
    return int(sum(sum(metrics.totals(cells.start, cells.sum)) for cells in histograms))


class _MetricsCollector(Collector):
    def __init__(self, metrics: SharedMetrics, *, model: str, version: str, device: str) -> None:
        self._metrics = metrics
        self._labels = [model, version]
        self._device = device

    def collect(self) -> Iterable[Metric]:
        yield self._totals()
        for phase, description in _PHASES.items():
            yield self._histogram(f"modelyard_{phase}_duration_seconds", description, PHASES[phase])
        yield self._histogram("modelyard_batch_rows", "Rows of each call of the model.", BATCHES)
        yield self._rejections()
        yield self._gauge("modelyard_requests_in_flight", "Requests in flight.", IN_FLIGHT)
        yield self._gauge("modelyard_queue_depth", "Requests in the queue.", QUEUED)
        yield self._dropped()
        yield self._memory()
        yield self._info()

    def _totals(self) -> Metric:
        family = HistogramMetricFamily(
            "modelyard_request_duration_seconds",
            "Total time of a request, by outcome.",
            labels=["model", "version", "outcome"],
        )
        for outcome, cells in TOTALS.items():
            buckets, total = self._buckets(cells)
            if buckets[-1][1] or outcome is Outcome.OK:
                family.add_metric([*self._labels, outcome], buckets, total)
        return family

    def _histogram(self, name: str, description: str, cells: HistogramCells) -> Metric:
        family = HistogramMetricFamily(name, description, labels=["model", "version"])
        family.add_metric(self._labels, *self._buckets(cells))
        return family

    def _rejections(self) -> Metric:
        family = CounterMetricFamily(
            "modelyard_requests_rejected",
            "Valid requests that were not computed, by reason.",
            labels=["model", "version", "reason"],
        )
        for outcome in REJECTIONS:
            cells = TOTALS[outcome]
            family.add_metric([*self._labels, outcome], sum(self._metrics.totals(cells.start, cells.sum)))
        return family

    def _dropped(self) -> Metric:
        family = CounterMetricFamily(
            "modelyard_request_log_dropped",
            "Sampled requests that the request log dropped.",
            labels=["model", "version"],
        )
        family.add_metric(self._labels, self._metrics.total(LOG_DROPPED))
        return family

    def _gauge(self, name: str, description: str, cell: int) -> Metric:
        family = GaugeMetricFamily(name, description, labels=["model", "version"])
        family.add_metric(self._labels, self._metrics.total(cell))
        return family

    def _memory(self) -> Metric:
        family = GaugeMetricFamily(
            "modelyard_resident_memory_bytes", "Resident memory of each worker.", labels=["model", "version", "worker"]
        )
        for index, row in enumerate(self._metrics.rows()):
            if row[RSS_BYTES]:
                family.add_metric([*self._labels, str(index)], row[RSS_BYTES])
        return family

    def _info(self) -> Metric:
        family = GaugeMetricFamily(
            "modelyard_model_info", "1, with what the model computes on.", labels=["model", "version", "device"]
        )
        family.add_metric([*self._labels, self._device], 1)
        return family

    def _buckets(self, cells: HistogramCells) -> tuple[list[tuple[str, float]], float]:
        counts = self._metrics.totals(cells.start, cells.sum)
        buckets: list[tuple[str, float]] = []
        cumulative = 0.0
        for bound, count in zip((*cells.bounds, float("inf")), counts, strict=True):
            cumulative += count
            buckets.append(("+Inf" if bound == float("inf") else repr(bound), cumulative))
        return buckets, self._metrics.total(cells.sum)
