"""Triton's other extensions over gRPC, asked of a server that says it has them."""

from typing import TypeVar

from google.protobuf.message import Message

from modelyard_serving.conformance.messages import infer, outputs, raw
from modelyard_serving.conformance.rpc import RpcFailed
from modelyard_serving.conformance.rules import Group, NotApplicable, Transport, Violation
from modelyard_serving.conformance.subject import Subject
from modelyard_serving.conformance.tensors import same
from modelyard_serving.protocol.proto import open_inference_pb2 as pb

ResponseT = TypeVar("ResponseT")

group = Group("Extensions", section="Triton extensions", transport=Transport.GRPC)


@group.extension("X7a", "model_configuration: ModelConfig reports name, inputs and outputs")
def config(subject: Subject) -> None:
    subject.needs_extension("model_configuration")
    actual = _supported(
        subject, "ModelConfig", pb.ModelConfigRequest(name=subject.model), pb.ModelConfigResponse
    ).config
    reported = (actual.name, {tensor.name for tensor in actual.input}, {tensor.name for tensor in actual.output})
    expected = (subject.model, {spec.name for spec in subject.inputs}, {spec.name for spec in subject.outputs})
    if reported != expected:
        raise Violation(f"expected {expected}, {reported} came")


@group.extension("X7b", "statistics: ModelStatistics reports the counts of the model")
def statistics(subject: Subject) -> None:
    subject.needs_extension("statistics")
    request = pb.ModelStatisticsRequest(name=subject.model)
    actual = _supported(subject, "ModelStatistics", request, pb.ModelStatisticsResponse).model_stats
    if not any(entry.name == subject.model for entry in actual):
        raise Violation(f"expected an entry of {subject.model!r}, {[entry.name for entry in actual]} came")


@group.extension("X7c", "model_repository: RepositoryIndex lists the model as READY")
def index(subject: Subject) -> None:
    subject.needs_extension("model_repository")
    actual = _supported(subject, "RepositoryIndex", pb.RepositoryIndexRequest(), pb.RepositoryIndexResponse).models
    if ("READY", subject.model) not in {(entry.state, entry.name) for entry in actual}:
        raise Violation(f"expected {subject.model!r} to be READY")


@group.extension("X8a", "ModelStreamInfer answers each request in infer_response, as ModelInfer does")
def stream(subject: Subject) -> None:
    message = raw(subject)
    expected = outputs(infer(subject, message))
    responses = _stream(subject, [message, message])
    if len(responses) != 2:
        raise Violation(f"2 requests were answered {len(responses)} times")
    for each in responses:
        for left, right in zip(expected, outputs(each.infer_response), strict=True):
            if not same(left, right):
                raise Violation(f"output '{left.name}' differs from that of ModelInfer")


@group.extension("X8b", "A bad request in a stream is answered with error_message, and the stream goes on")
def stream_error(subject: Subject) -> None:
    good, bad = raw(subject), raw(subject)
    bad.inputs[0].name = "modelyard-no-such-input"
    _stream(subject, [good])
    responses = _stream(subject, [bad, good])
    if len(responses) != 2 or not responses[0].error_message or responses[1].error_message:
        raise Violation(f"expected an error and an answer, {[each.error_message for each in responses]} came")


def _supported(subject: Subject, method: str, request: Message, response: type[ResponseT]) -> ResponseT:
    """One call of an extension. Raises NotApplicable where the server keeps it for itself, as PyTriton does."""
    try:
        return subject.rpc.call(method, request, response)
    except RpcFailed as exc:
        if exc.code == "PERMISSION_DENIED" or "restricted" in exc.details:
            raise NotApplicable(f"the server restricts this extension: {exc.details}") from exc
        raise


def _stream(subject: Subject, messages: list[pb.ModelInferRequest]) -> list[pb.ModelStreamInferResponse]:
    try:
        return subject.rpc.stream("ModelStreamInfer", messages, pb.ModelStreamInferResponse)
    except RpcFailed as exc:
        if exc.code == "UNIMPLEMENTED":
            raise NotApplicable("the server has no ModelStreamInfer") from exc
        raise
