"""The way of an inference, whatever transport brought it: bytes to a job, one prediction, an answer to bytes, and what
it all took. A short model's request passes through here without a coroutine, a copy or a log line; large ones are read
in a thread."""

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
from modelyard_serving.execution.promise import Promise
from modelyard_serving.metrics.cells import Outcome
from modelyard_serving.protocol.messages import InferRequest
from modelyard_serving.runtimes.base import Tensors
from modelyard_serving.witnesses import Observation
from modelyard_serving.witnesses.witness import Carrier

T = TypeVar("T")
Asked = TypeVar("Asked")
Asked_contra = TypeVar("Asked_contra", contravariant=True)
Answer = TypeVar("Answer")
Answer_co = TypeVar("Answer_co", covariant=True)
LARGE_BYTES = 256 * 1024
"""A larger request or answer would hold the event loop for longer than a thread's hop costs."""


@dataclass(slots=True)
class Job:
    """What a caller wants computed, and what its codec needs for the answer."""

    inputs: Tensors
    outputs: Sequence[str] | None
    parameters: Mapping[str, Any] | None
    origin: InferRequest | None = None
    is_raw: bool = False
    """Whether the numbers of a message came as bytes, and go so."""


class Codec(Protocol[Asked_contra, Answer_co]):
    """One form of requests and answers. Its methods may be called by several threads."""

    def is_long(self, request: Asked_contra) -> bool:
        """Whether reading the request would hold the event loop for too long."""

    def timeout_s(self, request: Asked_contra) -> float | None:
        """How long the caller waits at most.

        Raises:
            InvalidInput: it says so in a form that is not right.
        """

    def decode(self, request: Asked_contra) -> Job:
        """Raises ServingError for a request that is not right."""

    def encode(self, prediction: Prediction[Tensors], job: Job) -> Answer_co:
        """The answer's bytes."""

    def refuse(self, error: BaseException, request: Asked_contra) -> Answer_co:
        """The error as an answer."""

    def origin(self, request: Asked_contra) -> tuple[str, Carrier]:
        """What was called, and the request's headers."""


@dataclass(slots=True, eq=False)
class _Course(Generic[Asked]):
    """How far a request has come."""

    request: Asked
    job: Job
    started: float
    decoded: float


class Inference(Generic[Asked, Answer]):
    """Handles the requests of one form. Its methods are called on the event loop's thread."""

    def __init__(
        self, plane: DataPlane, codec: Codec[Asked, Answer], *, request_timeout_s: float | None = None
    ) -> None:
        self._plane = plane
        self._codec = codec
        self._recorder = plane.recorder
        self._witnesses = plane.witnesses
        self._request_timeout_s = request_timeout_s
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="codec")

    def handle(self, request: Asked) -> Answer | Awaitable[Answer]:
        """The answer, or the error that came instead: at once, or promised."""
        started = time.perf_counter()
        try:
            if self._codec.is_long(request):
                return self._in_thread(request, started)
            job = self._codec.decode(request)
            course = _Course(request, job, started, time.perf_counter())
            prediction = self._predict(job, request)
        except Exception as error:  # noqa: BLE001  # The last line of defence: the caller gets an answer.
            return self._fail(error, request, started)
        if isinstance(prediction, Prediction):
            return self._finish(course, prediction)
        answer: Promise[Answer] = Promise(partial(self._give_up, prediction, course))
        prediction.then(lambda outcome: answer.settle(self._finish(course, outcome)))
        return answer

    def _predict(self, job: Job, request: Asked) -> Prediction[Tensors] | Promise[Prediction[Tensors]]:
        """Within the shorter one of the server's time and the caller's."""
        timeout_s = self._codec.timeout_s(request)
        if timeout_s is None or (self._request_timeout_s is not None and self._request_timeout_s < timeout_s):
            timeout_s = self._request_timeout_s
        return self._plane.predict(job.inputs, outputs=job.outputs, parameters=job.parameters, timeout_s=timeout_s)

    def _finish(self, course: _Course[Asked], outcome: Prediction[Tensors] | BaseException) -> Answer:
        if isinstance(outcome, BaseException):
            return self._fail(outcome, course.request, course.started)
        begun = time.perf_counter()
        try:
            answer = self._codec.encode(outcome, course.job)
        except Exception as error:  # noqa: BLE001  # As above.
            return self._fail(error, course.request, course.started)
        self._note(course, outcome, begun)
        return answer

    async def _in_thread(self, request: Asked, started: float) -> Answer:
        """The same way for what would hold the event loop for too long."""
        try:
            job = await self._elsewhere(self._codec.decode, request)
            course = _Course(request, job, started, time.perf_counter())
            prediction = self._predict(job, request)
            if not isinstance(prediction, Prediction):
                prediction = await prediction
            begun = time.perf_counter()
            answer = await self._elsewhere(self._codec.encode, prediction, job)
        except asyncio.CancelledError:
            self._note_failure(Outcome.CANCELLED, request, started)
            raise
        except Exception as error:  # noqa: BLE001  # As above.
            return self._fail(error, request, started)
        self._note(course, prediction, begun)
        return answer

    async def _elsewhere(self, function: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)

    def _give_up(self, prediction: Promise[Prediction[Tensors]], course: _Course[Asked]) -> None:
        prediction.cancel()
        self._note_failure(Outcome.CANCELLED, course.request, course.started)

    def _fail(self, error: BaseException, request: Asked, started: float) -> Answer:
        kind = error.kind if isinstance(error, ServingError) else Kind.INTERNAL
        self._note_failure(Outcome(kind), request, started)
        return self._codec.refuse(error, request)

    def _note(self, course: _Course[Asked], prediction: Prediction[Tensors], begun: float) -> None:
        ended = time.perf_counter()
        total_s = ended - course.started
        self._recorder.answered(
            total_s=total_s,
            queue_s=prediction.queue_s,
            decode_s=course.decoded - course.started,
            compute_s=prediction.compute_s,
            encode_s=ended - begun,
        )
        if self._witnesses:
            self._observe(Outcome.OK, course.request, total_s, course.job, prediction)

    def _note_failure(self, outcome: Outcome, request: Asked, started: float) -> None:
        total_s = time.perf_counter() - started
        self._recorder.failed(outcome, total_s=total_s)
        if self._witnesses:
            self._observe(outcome, request, total_s)

    def _observe(
        self,
        outcome: Outcome,
        request: Asked,
        total_s: float,
        job: Job | None = None,
        prediction: Prediction[Tensors] | None = None,
    ) -> None:
        verb, carrier = self._codec.origin(request)
        seen = Observation(
            verb=verb,
            carrier=carrier,
            outcome=outcome,
            total_s=total_s,
            queue_s=0.0 if prediction is None else prediction.queue_s,
            compute_s=0.0 if prediction is None else prediction.compute_s,
            inputs=None if job is None else job.inputs,
            outputs=None if prediction is None else prediction.outputs,
        )
        for witness in self._witnesses:
            witness.saw(seen)
