"""Spans of requests over OTLP, each under the trace of its caller (W3C trace context)."""

import time
from typing import Any

from modelyard_serving import __version__
from modelyard_serving.errors import MissingExtra
from modelyard_serving.observers.observer import Observation

_CLOSE_MS = 2000


class SpanObserver:
    """Sends a span for each request, in batches, from OpenTelemetry's own thread; spans that cannot be sent are
    dropped.

    The sampler is OpenTelemetry's, set by its own environment variables (`OTEL_TRACES_SAMPLER`).
    """

    def __init__(self, endpoint: str, *, model: str, version: str) -> None:
        otel = _libraries()
        resource = otel["Resource"].create({"service.name": model, "service.version": version})
        self._provider = otel["TracerProvider"](resource=resource)
        exporter = otel["OTLPSpanExporter"](endpoint=f"{endpoint.rstrip('/')}/v1/traces")
        self._provider.add_span_processor(otel["BatchSpanProcessor"](exporter))
        self._tracer = self._provider.get_tracer("modelyard_serving", __version__)
        self._propagator = otel["TraceContextTextMapPropagator"]()
        self._kind = otel["SpanKind"].SERVER
        self._error = otel["StatusCode"].ERROR

    def observe(self, observation: Observation) -> None:
        """Record a span that has already ended."""
        trace_headers = {name: observation.carrier.get(name) for name in ("traceparent", "tracestate")}
        ended = time.time_ns()
        span = self._tracer.start_span(
            observation.verb,
            context=self._propagator.extract({name: value for name, value in trace_headers.items() if value}),
            kind=self._kind,
            start_time=ended - round(observation.total_s * 1e9),
            attributes={
                "modelyard.outcome": observation.outcome,
                "modelyard.queue_s": observation.queue_s,
                "modelyard.compute_s": observation.compute_s,
            },
        )
        if identity := observation.carrier.get("x-request-id"):
            span.set_attribute("modelyard.request_id", identity)
        if observation.outcome != "ok":
            span.set_status(self._error, observation.outcome)
        span.end(ended)

    def close(self) -> None:
        """Flush the queued spans."""
        self._provider.force_flush(_CLOSE_MS)


def _libraries() -> dict[str, Any]:
    """OpenTelemetry's classes by name; they are an extra, imported only where spans are wanted."""
    try:
        from opentelemetry.exporter.otlp.proto.http import trace_exporter  # noqa: PLC0415  # As above.
        from opentelemetry.sdk import resources, trace  # noqa: PLC0415  # As above.
        from opentelemetry.sdk.trace import export  # noqa: PLC0415  # As above.
        from opentelemetry.trace import SpanKind, StatusCode  # noqa: PLC0415  # As above.
        from opentelemetry.trace.propagation import tracecontext  # noqa: PLC0415  # As above.
    except ModuleNotFoundError as error:
        raise MissingExtra(extra="otlp", needed_for="--otlp-endpoint") from error
    return {
        "OTLPSpanExporter": trace_exporter.OTLPSpanExporter,
        "Resource": resources.Resource,
        "TracerProvider": trace.TracerProvider,
        "BatchSpanProcessor": export.BatchSpanProcessor,
        "SpanKind": SpanKind,
        "StatusCode": StatusCode,
        "TraceContextTextMapPropagator": tracecontext.TraceContextTextMapPropagator,
    }
