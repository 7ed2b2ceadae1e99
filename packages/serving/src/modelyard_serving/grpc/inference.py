"""ModelInfer and ModelStreamInfer: decoding and encoding of their messages. `Inference` does the rest for every
transport."""

from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass

from modelyard_serving.dataplane import DataPlane
from modelyard_serving.execution.executor import Prediction
from modelyard_serving.grpc.calls import Context, Reply
from modelyard_serving.grpc.convert import read_request, write_response
from modelyard_serving.grpc.messages import parse_message
from modelyard_serving.grpc.status import describe_error
from modelyard_serving.inference import LARGE_BYTES, Inference, Job
from modelyard_serving.observers.observer import Carrier
from modelyard_serving.protocol.proto import open_inference_pb2 as pb
from modelyard_serving.runtimes.base import Tensors

VERB = "inference.GRPCInferenceService/ModelInfer"


@dataclass(slots=True)
class _Call:
    message: bytes
    context: Context


class _Codec:
    def __init__(self, plane: DataPlane) -> None:
        self._plane = plane

    def is_long(self, call: _Call) -> bool:
        return len(call.message) > LARGE_BYTES

    def size(self, call: _Call) -> int:
        return len(call.message)

    def timeout_s(self, call: _Call) -> float | None:
        return call.context.timeout_s

    def decode(self, call: _Call) -> Job:
        message = parse_message(pb.ModelInferRequest, call.message)
        self._plane.check_name(message.model_name, message.model_version or None)
        request = read_request(message)
        outputs = None if request.outputs is None else [output.name for output in request.outputs]
        inputs = self._plane.check(request)
        return Job(inputs, outputs, request.parameters, request, is_raw=bool(message.raw_input_contents))

    def encode(self, prediction: Prediction[Tensors], job: Job) -> Reply:
        if job.origin is None:
            raise TypeError("a job of another codec")
        return write_response(self._plane.build_response(prediction, job.origin), is_raw=job.is_raw)

    def refuse(self, error: BaseException, call: _Call) -> Reply:  # noqa: ARG002  # The form of all codecs.
        return error

    def origin(self, call: _Call) -> tuple[str, Carrier]:
        return VERB, call.context.metadata


class InferenceMethods:
    """The calls that predict."""

    def __init__(self, plane: DataPlane, *, request_timeout_s: float | None = None) -> None:
        self._inference: Inference[_Call, Reply] = Inference(plane, _Codec(plane), request_timeout_s=request_timeout_s)

    def infer(self, message: bytes, context: Context) -> Reply | Awaitable[Reply]:
        """ModelInfer."""
        return self._inference.handle(_Call(message, context))

    async def stream(self, messages: AsyncIterator[bytes], context: Context) -> AsyncIterator[bytes]:
        """ModelStreamInfer, as Triton defines it: an error is sent as a message, and the stream continues."""
        async for message in messages:
            reply = await _reply_of(self.infer(message, context))
            if isinstance(reply, BaseException):
                _, text = describe_error(reply, context.metadata)
                yield pb.ModelStreamInferResponse(error_message=text).SerializeToString()
            else:
                response = pb.ModelInferResponse.FromString(reply)
                yield pb.ModelStreamInferResponse(infer_response=response).SerializeToString()


async def _reply_of(answer: Reply | Awaitable[Reply]) -> Reply:
    if isinstance(answer, (bytes, BaseException)):
        return answer
    try:
        return await answer
    except Exception as error:  # noqa: BLE001  # Whatever it is, the caller gets it as an answer.
        return error
