"""Handles an inference for every transport: decode, predict, encode, and record the times. A short model's request is
handled without a coroutine, a copy or a log line; large requests are decoded in a thread."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

from modelyard_serving.dataplane import DataPlane
from modelyard_serving.errors import Kind, ServingError
from modelyard_serving.execution.executor import Prediction
from modelyard_serving.execution.future import Future
from modelyard_serving.metrics.cells import Outcome
from modelyard_serving.observers import Observation
from modelyard_serving.observers.observer import Carrier
from modelyard_serving.protocol.messages import InferRequest
from modelyard_serving.runtimes.base import Tensors

T = TypeVar("T")
RequestT = TypeVar("RequestT")
RequestT_contra = TypeVar("RequestT_contra", contravariant=True)
ResponseT = TypeVar("ResponseT")
ResponseT_co = TypeVar("ResponseT_co", covariant=True)
LARGE_BYTES = 256 * 1024
"""A larger request or response would block the event loop for longer than a thread switch costs."""


@dataclass(slots=True)
class Job:
    """A decoded request, and what its codec needs for the response."""

    inputs: Tensors
    outputs: Sequence[str] | None
    parameters: Mapping[str, Any] | None
    origin: InferRequest | None = None
    is_raw: bool = False
    """Whether the tensors of a message are raw bytes; the response has the same form."""


class Codec(Protocol[RequestT_contra, ResponseT_co]):
    """One form of requests and responses. Its methods may be called by several threads."""

    def is_long(self, request: RequestT_contra) -> bool:
        """Whether decoding the request would block the event loop for too long."""

    def size(self, request: RequestT_contra) -> int:
        """Of the request's message, in bytes."""

    def timeout_s(self, request: RequestT_contra) -> float | None:
        """How long the caller waits at most.

        Raises:
            InvalidInput: the timeout is malformed.
        """

    def decode(self, request: RequestT_contra) -> Job:
        """Raises ServingError for a request that is not right."""

    def encode(self, prediction: Prediction[Tensors], job: Job) -> ResponseT_co:
        """The response."""

    def refuse(self, error: BaseException, request: RequestT_contra) -> ResponseT_co:
        """The response to an error."""

    def origin(self, request: RequestT_contra) -> tuple[str, Carrier]:
        """What was called, and the request's headers."""


@dataclass(slots=True, eq=False)
class _RequestState(Generic[RequestT]):
    """The state of a request that is being handled."""

    request: RequestT
    job: Job
    started: float
    decoded: float


class Inference(Generic[RequestT, ResponseT]):
    """Handles the requests of one form. Its methods are called on the event loop's thread."""

    def __init__(
        self, plane: DataPlane, codec: Codec[RequestT, ResponseT], *, request_timeout_s: float | None = None
    ) -> None:
        self._plane = plane
        self._codec = codec
        self._recorder = plane.recorder
        self._observers = plane.observers
        self._request_timeout_s = request_timeout_s
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="codec")

    def handle(self, request: RequestT) -> ResponseT | Awaitable[ResponseT]:
        """The response, or that of the error: directly, or as a future."""
        started = time.perf_counter()
        try:
            if self._codec.is_long(request):
                return self._handle_in_thread(request, started)
            job = self._codec.decode(request)
            state = _RequestState(request, job, started, time.perf_counter())
            prediction = self._predict(job, request)
        except Exception as error:  # noqa: BLE001  # The last line of defence: the caller gets a response.
            return self._fail(error, request, started)
        if isinstance(prediction, Prediction):
            return self._finish(state, prediction)
        response: Future[ResponseT] = Future(partial(self._cancel, prediction, state))
        prediction.on_done(lambda outcome: response.complete(self._finish(state, outcome)))
        return response

    def _predict(self, job: Job, request: RequestT) -> Prediction[Tensors] | Future[Prediction[Tensors]]:
        """With the shorter timeout of the server and the client."""
        timeout_s = self._codec.timeout_s(request)
        if timeout_s is None or (self._request_timeout_s is not None and self._request_timeout_s < timeout_s):
            timeout_s = self._request_timeout_s
        return self._plane.predict(job.inputs, outputs=job.outputs, parameters=job.parameters, timeout_s=timeout_s)

    def _finish(self, state: _RequestState[RequestT], outcome: Prediction[Tensors] | BaseException) -> ResponseT:
        if isinstance(outcome, BaseException):
            return self._fail(outcome, state.request, state.started)
        encode_started = time.perf_counter()
        try:
            response = self._codec.encode(outcome, state.job)
        except Exception as error:  # noqa: BLE001  # As above.
            return self._fail(error, state.request, state.started)
        self._record(state, outcome, encode_started)
        return response

    async def _handle_in_thread(self, request: RequestT, started: float) -> ResponseT:
        """The same for a request that would block the event loop for too long."""
        try:
            job = await self._run_in_thread(self._codec.decode, request)
            state = _RequestState(request, job, started, time.perf_counter())
            prediction = self._predict(job, request)
            if not isinstance(prediction, Prediction):
                prediction = await prediction
            encode_started = time.perf_counter()
            response = await self._run_in_thread(self._codec.encode, prediction, job)
        except asyncio.CancelledError:
            self._record_failure(Outcome.CANCELLED, request, started)
            raise
        except Exception as error:  # noqa: BLE001  # As above.
            return self._fail(error, request, started)
        self._record(state, prediction, encode_started)
        return response

    async def _run_in_thread(self, function: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)

    def _cancel(self, prediction: Future[Prediction[Tensors]], state: _RequestState[RequestT]) -> None:
        prediction.cancel()
        self._record_failure(Outcome.CANCELLED, state.request, state.started)

    def _fail(self, error: BaseException, request: RequestT, started: float) -> ResponseT:
        kind = error.kind if isinstance(error, ServingError) else Kind.INTERNAL
        self._record_failure(Outcome(kind), request, started)
        return self._codec.refuse(error, request)

    def _record(self, state: _RequestState[RequestT], prediction: Prediction[Tensors], encode_started: float) -> None:
        ended = time.perf_counter()
        total_s = ended - state.started
        self._recorder.record_success(
            total_s=total_s,
            queue_s=prediction.queue_s,
            decode_s=state.decoded - state.started,
            compute_s=prediction.compute_s,
            encode_s=ended - encode_started,
        )
        if (drift := self._plane.drift) is not None:
            drift.add(state.job.inputs, prediction.outputs, self._codec.size(state.request))
        if self._observers:
            self._observe(Outcome.OK, state.request, total_s, state.job, prediction)

    def _record_failure(self, outcome: Outcome, request: RequestT, started: float) -> None:
        total_s = time.perf_counter() - started
        self._recorder.record_failure(outcome, total_s=total_s)
        if self._observers:
            self._observe(outcome, request, total_s)

    def _observe(
        self,
        outcome: Outcome,
        request: RequestT,
        total_s: float,
        job: Job | None = None,
        prediction: Prediction[Tensors] | None = None,
    ) -> None:
        verb, carrier = self._codec.origin(request)
        observation = Observation(
            verb=verb,
            carrier=carrier,
            outcome=outcome,
            total_s=total_s,
            queue_s=0.0 if prediction is None else prediction.queue_s,
            compute_s=0.0 if prediction is None else prediction.compute_s,
            inputs=None if job is None else job.inputs,
            outputs=None if prediction is None else prediction.outputs,
        )
        for observer in self._observers:
            observer.observe(observation)
