"""ModelInfer and ModelStreamInfer: a message to a job, one prediction, an answer to a message, and what it all took. A
short model's call passes through here without a coroutine; large messages are read in a thread."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from modelyard_serving.dataplane import DataPlane, Prediction
from modelyard_serving.errors import Kind, ServingError
from modelyard_serving.grpc.calls import Context
from modelyard_serving.grpc.convert import read_request, write_response
from modelyard_serving.grpc.messages import parsed
from modelyard_serving.grpc.status import told
from modelyard_serving.metrics.cells import Outcome
from modelyard_serving.protocol.messages import InferRequest
from modelyard_serving.protocol.proto import open_inference_pb2 as pb
from modelyard_serving.runtimes.base import Tensors
from modelyard_serving.witnesses import Observation

T = TypeVar("T")
_LARGE_BYTES = 256 * 1024
VERB = "inference.GRPCInferenceService/ModelInfer"


@dataclass(slots=True)
class _Job:
    """What a caller wants computed, and in which form it asked."""

    request: InferRequest
    inputs: Tensors
    is_raw: bool
    started: float
    decoded: float


class Inferences:
    """The calls that predict."""

    def __init__(self, plane: DataPlane, *, request_timeout_s: float | None = None) -> None:
        self._plane = plane
        self._request_timeout_s = request_timeout_s
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="grpc-codec")

    def infer(self, message: bytes, context: Context) -> bytes | Awaitable[bytes]:
        """ModelInfer."""
        started = time.perf_counter()
        if len(message) > _LARGE_BYTES:
            return self._in_thread(message, context, started)
        try:
            job = self._decode(message, started)
            prediction = self._predict(job, context)
            if isinstance(prediction, Prediction):
                return self._finish(prediction, job, context)
        except Exception as error:
            self._note_failure(error, context, started)
            raise
        return self._later(prediction, job, context)

    async def stream(self, messages: AsyncIterator[bytes], context: Context) -> AsyncIterator[bytes]:
        """ModelStreamInfer, as Triton has it: an error is an answer, and the stream goes on."""
        async for message in messages:
            try:
                answer = self.infer(message, context)
                inferred = answer if isinstance(answer, bytes) else await answer
            except Exception as error:  # noqa: BLE001  # Whatever it is, the caller gets it as an answer.
                _, text = told(error, context.metadata)
                yield pb.ModelStreamInferResponse(error_message=text).SerializeToString()
            else:
                response = pb.ModelInferResponse.FromString(inferred)
                yield pb.ModelStreamInferResponse(infer_response=response).SerializeToString()

    def _decode(self, message: bytes, started: float) -> _Job:
        request = parsed(pb.ModelInferRequest, message)
        self._plane.check_name(request.model_name, request.model_version or None)
        inference = read_request(request)
        inputs = self._plane.check(inference)
        return _Job(inference, inputs, bool(request.raw_input_contents), started, time.perf_counter())

    def _predict(self, job: _Job, context: Context) -> Prediction | Awaitable[Prediction]:
        request = job.request
        limits = [limit for limit in (context.timeout_s, self._request_timeout_s) if limit is not None]
        return self._plane.predict(
            job.inputs,
            outputs=None if request.outputs is None else [output.name for output in request.outputs],
            parameters=request.parameters,
            timeout_s=min(limits, default=None),
        )

    async def _later(self, prediction: Awaitable[Prediction], job: _Job, context: Context) -> bytes:
        try:
            return self._finish(await prediction, job, context)
        except BaseException as error:
            self._note_failure(error, context, job.started)
            raise

    async def _in_thread(self, message: bytes, context: Context, started: float) -> bytes:
        """The same way for a large message, which would hold the event loop for too long."""
        try:
            job = await self._elsewhere(self._decode, message, started)
            prediction = self._predict(job, context)
            if not isinstance(prediction, Prediction):
                prediction = await prediction
            begun = time.perf_counter()
            answer = await self._elsewhere(self._encode, prediction, job)
        except BaseException as error:
            self._note_failure(error, context, started)
            raise
        self._note(prediction, job, context, begun)
        return answer

    async def _elsewhere(self, function: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)

    def _finish(self, prediction: Prediction, job: _Job, context: Context) -> bytes:
        begun = time.perf_counter()
        answer = self._encode(prediction, job)
        self._note(prediction, job, context, begun)
        return answer

    def _encode(self, prediction: Prediction, job: _Job) -> bytes:
        return write_response(self._plane.answer(prediction, job.request), is_raw=job.is_raw)

    def _note(self, prediction: Prediction, job: _Job, context: Context, begun: float) -> None:
        ended = time.perf_counter()
        self._plane.recorder.answered(
            total_s=ended - job.started,
            queue_s=prediction.queue_s,
            decode_s=job.decoded - job.started,
            compute_s=prediction.compute_s,
            encode_s=ended - begun,
        )
        for witness in self._plane.witnesses:
            witness.saw(
                Observation(
                    verb=VERB,
                    carrier=context.metadata,
                    outcome=Outcome.OK,
                    total_s=ended - job.started,
                    queue_s=prediction.queue_s,
                    compute_s=prediction.compute_s,
                    inputs=job.inputs,
                    outputs=prediction.outputs,
                )
            )

    def _note_failure(self, error: BaseException, context: Context, started: float) -> None:
        if isinstance(error, asyncio.CancelledError):
            outcome = Outcome.CANCELLED
        else:
            outcome = Outcome(error.kind if isinstance(error, ServingError) else Kind.INTERNAL)
        total_s = time.perf_counter() - started
        self._plane.recorder.failed(outcome, total_s=total_s)
        for witness in self._plane.witnesses:
            witness.saw(Observation(verb=VERB, carrier=context.metadata, outcome=outcome, total_s=total_s))
