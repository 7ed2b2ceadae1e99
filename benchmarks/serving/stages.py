"""Where the time of one request goes inside our server: each stage by itself and the whole, without sockets.

    python -m benchmarks.serving.stages [MODEL]

Each figure is the least of many repetitions, so that it holds on a busy machine too. The whole is more than its stages:
run one after the other, and with the kernel between them, they push each other out of the processor's caches. The last
lines show what that costs, and what is won when sixteen requests take each stage together.
"""

import asyncio
import math
import socket
import sys
import time
import timeit
from collections.abc import Callable
from typing import Any

from benchmarks.serving.cases import Case, case
from benchmarks.serving.dialects import MODEL
from benchmarks.serving.dialects import Request as Wanted
from benchmarks.serving.errors import BenchmarkError
from benchmarks.serving.peers.modelyard import DIALECT
from benchmarks.serving.workloads import Form

from modelyard_serving.batching.batch_executor import TensorBatchExecutor
from modelyard_serving.bundle import open_model
from modelyard_serving.dataplane import DataPlane
from modelyard_serving.execution.executor import Executor, Prediction
from modelyard_serving.execution.future import Future
from modelyard_serving.execution.latency import LatencyEstimator
from modelyard_serving.http.codecs import InferCodec
from modelyard_serving.http.connection import Connection, ConnectionContext
from modelyard_serving.http.exchange import Request, Response
from modelyard_serving.http.wire import render_head
from modelyard_serving.inference import Inference
from modelyard_serving.metadata import ServedModel
from modelyard_serving.metrics.cells import CELLS
from modelyard_serving.metrics.recorder import Recorder
from modelyard_serving.origin_policy import OriginPolicy

_REPEATS = 60
_CALLS = 50
_BATCH = 16
_RECEIVED = 1 << 16
_SOURCES = OriginPolicy(listens_on="127.0.0.1")
_DATE = b"\r\ndate: Sat, 21 Nov 2026 12:00:00 GMT\r\n"
Stages = dict[str, Callable[[], Any]]


class _Sink(asyncio.Transport):
    """A transport that takes what is written and keeps nothing."""

    def write(self, data: Any) -> None:
        """Nobody reads it."""

    def is_closing(self) -> bool:
        return False


class _Fixed:
    """An application with one answer."""

    def __init__(self, answer: Response) -> None:
        self._answer = answer

    def handle(self, request: Request) -> Response:  # noqa: ARG002  # The form of all applications.
        """Always the same."""
        return self._answer


def _stages(asked: Case, loop: asyncio.AbstractEventLoop) -> Stages:
    plane = _plane(asked, loop)
    wanted = _wanted(asked)
    request = Request("POST", wanted.path, dict(wanted.headers), wanted.body)
    codec = InferCodec(plane)
    endpoint = Inference(plane, codec)
    job = codec.decode(request)
    prediction = plane.predict(job.inputs)
    if not isinstance(prediction, Prediction):
        raise BenchmarkError(f"{asked.model} was not computed at once")
    response = codec.encode(prediction, job)
    connection = _connection(response, loop)
    answer = render_head(response, common=_DATE, is_last=False) + response.body
    raw = _raw(wanted.path, wanted.body)
    client, server = _loopback()

    def through_sockets() -> None:
        client.send(raw)
        connection.data_received(server.recv(_RECEIVED))
        endpoint.handle(request)
        server.send(answer)
        client.recv(_RECEIVED)

    def sockets_alone() -> None:
        client.send(raw)
        server.recv(_RECEIVED)
        server.send(answer)
        client.recv(_RECEIVED)

    return {
        "HTTP: parse the request, write the answer": lambda: connection.data_received(raw),
        "decode: JSON to arrays, and the signature's checks": lambda: codec.decode(request),
        "predict: data plane and model": lambda: plane.predict(job.inputs),
        "… of which the model": lambda: plane.served.model.predict(job.inputs),
        "encode: arrays to JSON": lambda: codec.encode(prediction, job),
        "the whole endpoint: decode, predict, encode, metrics": lambda: endpoint.handle(request),
        "a request and an answer through the kernel, client's part too": sockets_alone,
        "all of it one after the other": through_sockets,
    }


async def _turn(asked: Case, loop: asyncio.AbstractEventLoop) -> float:
    """Seconds of the whole endpoint for each of sixteen requests that came in one turn of the event loop."""
    plane = _plane(asked, loop, batch_executor=TensorBatchExecutor(_BATCH))
    wanted = _wanted(asked)
    request = Request("POST", wanted.path, dict(wanted.headers), wanted.body)
    endpoint = Inference(plane, InferCodec(plane))
    least = math.inf
    for _ in range(_REPEATS * _CALLS):
        started = time.perf_counter()
        futures = [endpoint.handle(request) for _ in range(_BATCH)]
        await asyncio.sleep(0)
        least = min(least, time.perf_counter() - started)
        if not all(isinstance(future, Future) and future.is_done for future in futures):
            raise BenchmarkError(f"{asked.model} was not gathered")
    return least / _BATCH


def _loopback() -> tuple[socket.socket, socket.socket]:
    """Both ends of one connection over TCP."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        server, _ = listener.accept()
    for end in (client, server):
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client, server


def _wanted(asked: Case) -> Wanted:
    wanted = DIALECT.request(asked, Form.JSON, 1)
    if wanted is None:
        raise BenchmarkError(f"{asked.model} cannot be asked in JSON")
    return wanted


def _plane(
    asked: Case, loop: asyncio.AbstractEventLoop, *, batch_executor: TensorBatchExecutor | None = None
) -> DataPlane:
    if asked.bundle is None:
        raise BenchmarkError(f"{asked.model} was not compiled")
    opened = open_model(str(asked.bundle), name=MODEL, version="1", trust_pickle=False)
    recorder = Recorder(memoryview(bytearray(8 * CELLS)).cast("d"))
    executor = Executor(
        loop=loop,
        latency_estimator=LatencyEstimator(),
        concurrency=1,
        max_queue=1,
        inline_limit_s=math.inf,
        is_thread_safe=True,
        batch_executor=batch_executor,
        count=recorder.record_execution,
    )
    executor.record_call(rows=1, seconds=1e-5)
    return DataPlane(ServedModel(opened.model, MODEL, "1"), executor=executor, recorder=recorder)


def _connection(answer: Response, loop: asyncio.AbstractEventLoop) -> Connection:
    connection = Connection(
        ConnectionContext(
            app=_Fixed(answer), loop=loop, max_body_bytes=1 << 20, sources=_SOURCES, common=_DATE, now=loop.time()
        )
    )
    connection.connection_made(_Sink())
    return connection


def _raw(path: str, body: bytes) -> bytes:
    """The request as h2load sends it."""
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: 127.0.0.1:8080",
        "user-agent: h2load nghttp2/1.52.0",
        "content-type: application/json",
        f"content-length: {len(body)}",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def _main(model: str) -> None:
    asked, loop = case(model), asyncio.get_running_loop()
    stages = _stages(asked, loop)
    for name, stage in stages.items():
        least = min(timeit.repeat(stage, number=_CALLS, repeat=_REPEATS)) / _CALLS
        print(f"{least * 1e6:6.1f} µs  {name}")
    print(
        f"{await _turn(asked, loop) * 1e6:6.1f} µs  the whole endpoint, each of sixteen in one turn of the event loop"
    )


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1] if len(sys.argv) > 1 else "logistic"))
