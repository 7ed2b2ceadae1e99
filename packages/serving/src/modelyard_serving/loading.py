"""From settings to a data plane that is ready: open the model, warm it up, choose how it runs."""

import asyncio
import logging
import os
import time
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from modelyard_serving.batching.batch import join
from modelyard_serving.batching.batch_executor import TensorBatchExecutor
from modelyard_serving.batching.curve import Curve, measure
from modelyard_serving.bundle import OpenedModel, example_inputs, open_model
from modelyard_serving.dataplane import DataPlane
from modelyard_serving.execution.executor import Executor
from modelyard_serving.execution.latency import LatencyEstimator
from modelyard_serving.metadata import ServedModel
from modelyard_serving.metrics.recorder import Recorder
from modelyard_serving.observers import Observer
from modelyard_serving.runtimes.base import Model, Tensors
from modelyard_serving.served_version import UNVERSIONED
from modelyard_serving.settings import Settings
from modelyard_serving.synthetic_rows import probe_rows, split_rows

_log = logging.getLogger(__name__)
_WARM_UP_ROUNDS = 5
_INLINE_BATCHED_MS = 0.1
"""A model that gains from batching, and takes longer than a thread switch for one row, is called in threads: requests
that arrive meanwhile form the next batch."""


def open_served(settings: Settings) -> tuple[ServedModel, OpenedModel]:
    """Open the model that the settings name.

    Raises:
        InvalidModel: it cannot be served.
    """
    opened = open_model(
        settings.path,
        name=settings.name,
        version=settings.version,
        trust_pickle=settings.trust_pickle,
        device=settings.device,
    )
    served = ServedModel(
        model=opened.model,
        name=opened.name,
        version=opened.version or UNVERSIONED,
        run_id=opened.run_id,
        mlflow_uri=_tracking_server(settings.mlflow_uri),
        example=opened.example,
        profile=opened.profile,
    )
    return served, opened


def _tracking_server(uri: str | None) -> str | None:
    """The address without user name and password."""
    if uri is None or "@" not in uri:
        return uri
    parts = urlsplit(uri)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def warm_up(served: ServedModel, example: Tensors, latency_estimator: LatencyEstimator) -> None:
    """Predict the example a few times, so that the first request meets a warm model with a known latency. The first
    prediction is not measured: it includes one-time work."""
    rows = max((array.shape[0] for array in example.values() if array.shape), default=1)
    served.model.predict(example)
    for _ in range(_WARM_UP_ROUNDS - 1):
        started = time.perf_counter()
        served.model.predict(example)
        latency_estimator.observe(rows=rows, seconds=time.perf_counter() - started)


def load(settings: Settings, *, loop: asyncio.AbstractEventLoop, recorder: Recorder) -> DataPlane:
    """A data plane whose model has predicted its example."""
    served, executor = load_model(settings, loop=loop, recorder=recorder)
    return DataPlane(served, executor=executor, recorder=recorder, observers=_observers(settings, served, recorder))


def load_model(
    settings: Settings, *, loop: asyncio.AbstractEventLoop, recorder: Recorder
) -> tuple[ServedModel, Executor]:
    """The model, warm, and what runs its calls. May be called on any thread."""
    served, opened = open_served(settings)
    latency_estimator = LatencyEstimator()
    example = example_inputs(opened)
    if example is not None:
        warm_up(served, example, latency_estimator)
    rows = probe_rows(served.model, example)
    if example is None:
        rows = _warmed_up(served, rows, latency_estimator)
    curve = _batch_curve(settings, served.model, rows)
    inline_limit_ms = settings.inline_limit_ms
    if curve is not None and curve.seconds[1] * 1000 >= _INLINE_BATCHED_MS:
        inline_limit_ms = min(inline_limit_ms, _INLINE_BATCHED_MS)
    is_thread_safe = served.model.is_thread_safe
    executor = Executor(
        loop=loop,
        latency_estimator=latency_estimator,
        concurrency=settings.max_concurrency or (usable_cores() if is_thread_safe else 1),
        max_queue=settings.max_queue,
        inline_limit_s=inline_limit_ms / 1000,
        is_thread_safe=is_thread_safe,
        batch_executor=None if curve is None else TensorBatchExecutor(curve.best_rows),
        count=recorder.record_execution,
    )
    return served, executor


def _warmed_up(served: ServedModel, rows: Tensors | None, latency_estimator: LatencyEstimator) -> Tensors | None:
    """The synthetic rows that the model accepts; the first of them warms it up. Rejected rows are skipped."""
    taken: list[Tensors] = []
    for row in split_rows(rows) if rows is not None else ():
        try:
            warm_up(served, row, latency_estimator) if not taken else served.model.predict(row)
        except Exception:  # noqa: BLE001, S112  # The model may reject a synthetic row.
            continue
        taken.append(row)
    return join(taken) if taken else None


def usable_cores() -> int:
    """The cores that this process may use: in a container, or pinned, fewer than the machine has. On one core two
    concurrent calls would only alternate, and halve the batches."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _batch_curve(settings: Settings, model: Model, rows: Tensors | None) -> Curve | None:
    """The batch curve of the model; None where batching is off or shows no gain."""
    if settings.batching == "off" or rows is None:
        return None
    curve = measure(model.predict, rows)
    if curve is None or not curve.is_worthwhile:
        return None
    _log.info(
        "requests that come together are computed together, up to %d rows: %.1f times the rows per second",
        curve.best_rows,
        curve.gain,
    )
    return curve


def _observers(settings: Settings, served: ServedModel, recorder: Recorder) -> list[Observer]:
    observers: list[Observer] = []
    if settings.otlp_endpoint is not None:
        from modelyard_serving.observers.spans import SpanObserver  # noqa: PLC0415  # Its libraries are an extra.

        observers.append(SpanObserver(settings.otlp_endpoint, model=served.name, version=served.version))
    if settings.request_log is not None:
        from modelyard_serving.observers.request_log import RequestLog  # noqa: PLC0415  # As above.

        observers.append(
            RequestLog(
                Path(settings.request_log),
                model=served.name,
                version=served.version,
                sample=settings.request_log_sample,
                drop=recorder.record_log_dropped,
            )
        )
    return observers
