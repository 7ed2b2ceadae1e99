"""The way of an inference over HTTP: bytes to a job, one prediction, an answer to bytes, and what it all took. A short
model's request passes through here without a coroutine, a copy or a log line; large bodies are read in a thread."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from modelyard_serving.dataplane import DataPlane, Prediction
from modelyard_serving.errors import InvalidInput, Kind, ServingError
from modelyard_serving.http.errors import error_response
from modelyard_serving.http.exchange import Answer, Request, Response
from modelyard_serving.metrics.cells import Outcome
from modelyard_serving.protocol.messages import InferRequest
from modelyard_serving.runtimes.base import Tensors
from modelyard_serving.witnesses import Observation

T = TypeVar("T")
LARGE_BYTES = 256 * 1024
_TIMEOUT_HEADERS = ("x-request-timeout-ms", "x-envoy-expected-rq-timeout-ms")


@dataclass(slots=True)
class Job:
    """What a caller wants computed, and what its codec needs for the answer."""

    inputs: Tensors
    outputs: Sequence[str] | None
    parameters: Mapping[str, Any] | None
    origin: InferRequest | None = None


class Codec(Protocol):
    """One form of requests and answers. It may be called by several threads."""

    def is_long(self, request: Request) -> bool:
        """Whether reading the request would hold the event loop for longer than a thread's hop costs."""

    def decode(self, request: Request) -> Job:
        """Raises ServingError for a request that is not right."""

    def encode(self, prediction: Prediction, job: Job) -> Response:
        """The answer's bytes."""


class InferenceEndpoint:
    """Handles requests of one form."""

    def __init__(self, plane: DataPlane, codec: Codec, *, request_timeout_s: float | None = None) -> None:
        self._plane = plane
        self._codec = codec
        self._recorder = plane.recorder
        self._witnesses = plane.witnesses
        self._request_timeout_s = request_timeout_s
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="codec")

    def handle(self, request: Request) -> Answer:
        """The answer, or the error that came instead."""
        started = time.perf_counter()
        try:
            if len(request.body) > LARGE_BYTES or self._codec.is_long(request):
                return self._in_thread(request, started)
            job = self._codec.decode(request)
            decoded = time.perf_counter()
            prediction = self._predict(job, request)
            if isinstance(prediction, Prediction):
                return self._finish(prediction, job, request, started, decoded)
            return self._later(prediction, job, request, started, decoded)
        except Exception as error:  # noqa: BLE001  # The last line of defence: the caller gets its 500.
            return self._fail(error, request, started)

    def _predict(self, job: Job, request: Request) -> Prediction | Awaitable[Prediction]:
        return self._plane.predict(
            job.inputs, outputs=job.outputs, parameters=job.parameters, timeout_s=self._timeout_s(request)
        )

    async def _later(
        self, prediction: Awaitable[Prediction], job: Job, request: Request, started: float, decoded: float
    ) -> Response:
        try:
            return self._finish(await prediction, job, request, started, decoded)
        except asyncio.CancelledError:
            self._note_failure(Outcome.CANCELLED, request, started)
            raise
        except Exception as error:  # noqa: BLE001  # As above.
            return self._fail(error, request, started)

    async def _in_thread(self, request: Request, started: float) -> Response:
        """The same way for a large body, which would hold the event loop for too long."""
        try:
            job = await self._elsewhere(self._codec.decode, request)
            decoded = time.perf_counter()
            prediction = self._predict(job, request)
            if not isinstance(prediction, Prediction):
                prediction = await prediction
            begun = time.perf_counter()
            response = await self._elsewhere(self._codec.encode, prediction, job)
        except asyncio.CancelledError:
            self._note_failure(Outcome.CANCELLED, request, started)
            raise
        except Exception as error:  # noqa: BLE001  # As above.
            return self._fail(error, request, started)
        self._note(prediction, job, request, (started, decoded, begun))
        return response

    async def _elsewhere(self, function: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)

    def _finish(self, prediction: Prediction, job: Job, request: Request, started: float, decoded: float) -> Response:
        begun = time.perf_counter()
        response = self._codec.encode(prediction, job)
        self._note(prediction, job, request, (started, decoded, begun))
        return response

    def _note(self, prediction: Prediction, job: Job, request: Request, times: tuple[float, float, float]) -> None:
        started, decoded, begun = times
        ended = time.perf_counter()
        self._recorder.answered(
            total_s=ended - started,
            queue_s=prediction.queue_s,
            decode_s=decoded - started,
            compute_s=prediction.compute_s,
            encode_s=ended - begun,
        )
        for witness in self._witnesses:
            witness.saw(
                Observation(
                    verb=request.path,
                    carrier=request.headers,
                    outcome=Outcome.OK,
                    total_s=ended - started,
                    queue_s=prediction.queue_s,
                    compute_s=prediction.compute_s,
                    inputs=job.inputs,
                    outputs=prediction.outputs,
                )
            )

    def _note_failure(self, outcome: Outcome, request: Request, started: float) -> None:
        total_s = time.perf_counter() - started
        self._recorder.failed(outcome, total_s=total_s)
        for witness in self._witnesses:
            witness.saw(Observation(verb=request.path, carrier=request.headers, outcome=outcome, total_s=total_s))

    def _fail(self, error: Exception, request: Request, started: float) -> Response:
        kind = error.kind if isinstance(error, ServingError) else Kind.INTERNAL
        self._note_failure(Outcome(kind), request, started)
        return error_response(error, request)

    def _timeout_s(self, request: Request) -> float | None:
        """The shorter one of the server's and the caller's."""
        timeout_s = self._request_timeout_s
        for name in _TIMEOUT_HEADERS:
            told = request.headers.get(name)
            if told is None:
                continue
            if not (told.isascii() and told.isdigit()):
                raise InvalidInput(f"{name} must be a whole number of milliseconds, not {told[:40]!r}")
            if milliseconds := int(told[:12]):
                timeout_s = min(milliseconds / 1000, timeout_s or float("inf"))
        return timeout_s
