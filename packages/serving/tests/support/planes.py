"""A data plane and its HTTP application in this process, for tests that need no socket."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any

import orjson

from modelyard_serving.dataplane import DataPlane
from modelyard_serving.execution.executor import Executor
from modelyard_serving.execution.latency import LatencyEstimator
from modelyard_serving.http.app import App
from modelyard_serving.http.exchange import HandlerResult, Request, Response
from modelyard_serving.http.routes import build_app
from modelyard_serving.metadata import ServedModel
from modelyard_serving.metrics.recorder import Recorder
from modelyard_serving.metrics.shared_memory import SharedMetrics, make_metrics_file
from modelyard_serving.origin_policy import OriginPolicy
from modelyard_serving.runtimes.base import Model
from modelyard_serving.runtimes.python import PythonModel
from modelyard_serving.user_model import UserModel

MODEL_NAME = "sample"
ANYWHERE = OriginPolicy(listens_on="0.0.0.0")
"""A listener that names are not asked of."""


@dataclass
class Bench:
    """One model's application, and what a test looks at."""

    app: App
    plane: DataPlane
    metrics: SharedMetrics
    executor: Executor

    async def ask(self, method: str, path: str, body: Any = b"", **headers: str) -> Response:
        """The response to a request; a body that is not bytes goes as JSON."""
        content = body if isinstance(body, bytes) else orjson.dumps(body)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await settled(self.app.handle(Request(method, path, named, content)))

    async def infer(self, body: Any, **headers: str) -> Response:
        return await self.ask("POST", f"/v2/models/{MODEL_NAME}/infer", body, **headers)


async def settled(answer: HandlerResult) -> Response:
    """A response that may still be on its way."""
    return await answer if isinstance(answer, Awaitable) else answer


def bench(
    model: UserModel | Model,
    *,
    name: str = MODEL_NAME,
    concurrency: int = 1,
    max_queue: int = 16,
    max_body_bytes: int = 1 << 20,
    request_timeout_s: float | None = None,
) -> Bench:
    """An application of a sample model, or of one that a runtime loaded, on the running event loop."""
    if isinstance(model, UserModel):
        model.load()
        model = PythonModel(model)
    metrics = SharedMetrics(make_metrics_file())
    recorder = Recorder(metrics.row(0))
    executor = Executor(
        loop=asyncio.get_running_loop(),
        latency_estimator=LatencyEstimator(),
        concurrency=concurrency,
        max_queue=max_queue,
        inline_limit_s=0.001,
        is_thread_safe=model.is_thread_safe,
        count=recorder.record_execution,
    )
    example = getattr(model, "example", None)
    served = ServedModel(model, name, "3", run_id="r1", mlflow_uri="http://mlflow:5000", example=example)
    plane = DataPlane(served, executor=executor, recorder=recorder)
    app = build_app(plane, metrics=metrics, max_body_bytes=max_body_bytes, request_timeout_s=request_timeout_s)
    return Bench(app, plane, metrics, executor)
