"""gRPC: requests that must be refused, and with which status."""

from modelyard_serving.conformance.checks.health import NO_VERSION, UNKNOWN
from modelyard_serving.conformance.messages import infer, raw, refused, typed
from modelyard_serving.conformance.rpc import RpcFailed
from modelyard_serving.conformance.rules import Group, NotApplicable, Transport, Violation
from modelyard_serving.conformance.subject import Subject
from modelyard_serving.conformance.tensors import CONTENTS
from modelyard_serving.protocol.proto import open_inference_pb2 as pb

group = Group("Refusals", section="gRPC", transport=Transport.GRPC)


def _refused(subject: Subject, *messages: pb.ModelInferRequest, code: str | None = None) -> None:
    for message in messages:
        refused(lambda message=message: infer(subject, message), code=code)  # type: ignore[misc]  # mypy#15459


def _bad_requests(subject: Subject) -> list[pb.ModelInferRequest]:
    """Requests that a model cannot take, one for each way of being wrong."""
    unnamed, cut, typeless, negative, lacking = (raw(subject) for _ in range(5))
    unnamed.inputs[0].name = "modelyard-no-such-input"
    cut.raw_input_contents[0] = cut.raw_input_contents[0][:-1]
    typeless.inputs[0].datatype = "FLOAT"
    negative.inputs[0].shape[:1] = [-1]
    lacking.raw_input_contents.pop()
    return [unnamed, cut, typeless, negative, lacking]


def _fixed_size(subject: Subject) -> int:
    for index, tensor in enumerate(subject.sample):
        if tensor.datatype != "BYTES":
            return index
    raise NotApplicable("every input is of BYTES")


@group.must("G5a", "Raw contents shorter or longer than shape and datatype ask for are refused")
def raw_size(subject: Subject) -> None:
    index = _fixed_size(subject)
    short, long = raw(subject), raw(subject)
    short.raw_input_contents[index] = short.raw_input_contents[index][:-1]
    long.raw_input_contents[index] += b"\0\0\0\0\0\0\0\0"
    _refused(subject, short, long)


@group.must("G5b", "Fewer or more raw contents than inputs are refused")
def raw_count(subject: Subject) -> None:
    more, fewer = raw(subject), raw(subject)
    more.raw_input_contents.append(more.raw_input_contents[0])
    fewer.raw_input_contents.pop()
    _refused(subject, more, fewer)


@group.must("G5c", "Raw contents beside typed ones are refused")
def both_forms(subject: Subject) -> None:
    message = typed(subject)
    message.raw_input_contents.extend(raw(subject).raw_input_contents)
    _refused(subject, message)


@group.must("G5d", "Typed contents in the field of another datatype are refused")
def other_contents(subject: Subject) -> None:
    message = typed(subject)
    tensor = message.inputs[0]
    field = CONTENTS[tensor.datatype]
    count = len(getattr(tensor.contents, field))
    tensor.ClearField("contents")
    if field == "bytes_contents":
        tensor.contents.fp32_contents.extend([1.0] * count)
    else:
        tensor.contents.bytes_contents.extend([b"a"] * count)
    _refused(subject, message)


@group.must("G5e", "Fewer or more typed elements than the shape asks for are refused")
def typed_count(subject: Subject) -> None:
    fewer, more = typed(subject), typed(subject)
    field = CONTENTS[fewer.inputs[0].datatype]
    getattr(fewer.inputs[0].contents, field).pop()
    elements = getattr(more.inputs[0].contents, field)
    elements.append(elements[0])
    _refused(subject, fewer, more)


@group.must("G5f", "An integer out of a narrow datatype's range is refused, never wrapped")
def narrow_integer(subject: Subject) -> None:
    message = typed(subject)
    for tensor in message.inputs:
        if tensor.datatype in {"INT8", "INT16", "UINT8", "UINT16"}:
            getattr(tensor.contents, CONTENTS[tensor.datatype])[0] = 100_000
            _refused(subject, message)
            return
    raise NotApplicable("no input is of narrow integers")


@group.must("G5g", "An element of BYTES whose length runs over the end is refused")
def truncated_element(subject: Subject) -> None:
    message = raw(subject)
    for index, tensor in enumerate(message.inputs):
        if tensor.datatype == "BYTES":
            content = message.raw_input_contents[index]
            message.raw_input_contents[index] = (2**31).to_bytes(4, "little") + content[4:]
            _refused(subject, message)
            return
    raise NotApplicable("no input is of BYTES")


@group.must("G5h", "A model or version that does not exist is refused")
def unknown_model(subject: Subject) -> None:
    model, version = raw(subject), raw(subject)
    model.model_name = UNKNOWN
    version.model_version = NO_VERSION
    _refused(subject, model, version)


@group.should("G5i", "That status is NOT_FOUND")
def unknown_model_code(subject: Subject) -> None:
    message = raw(subject)
    message.model_name = UNKNOWN
    _refused(subject, message, code="NOT_FOUND")


@group.must("G5j", "An input name that the model does not have is refused")
def wrong_name(subject: Subject) -> None:
    message = raw(subject)
    message.inputs[0].name = "modelyard-no-such-input"
    _refused(subject, message)


@group.must("G5k", "A datatype that the protocol does not have is refused")
def unknown_datatype(subject: Subject) -> None:
    messages = [raw(subject), raw(subject), raw(subject)]
    for message, datatype in zip(messages, ("FLOAT", "", "fp32"), strict=True):
        message.inputs[0].datatype = datatype
    _refused(subject, *messages)


@group.must("G5l", "A shape with a negative dimension, of another rank, or that overflows is refused")
def odd_shape(subject: Subject) -> None:
    shape = list(subject.sample[0].shape)
    if not shape:
        raise NotApplicable("the first input has no dimensions")
    messages = []
    for odd in ([-1, *shape[1:]], [1, 1, *shape], [2**62, *shape[1:]], [2**32, 2**32, *shape[1:]]):
        message = raw(subject)
        message.inputs[0].shape[:] = odd
        messages.append(message)
    _refused(subject, *messages)


@group.must("G5m", "A request without inputs, or that lacks one, is refused")
def missing_input(subject: Subject) -> None:
    raw(subject)
    empty = pb.ModelInferRequest(model_name=subject.model)
    _refused(subject, empty)
    if len(subject.sample) > 1:
        lacking = raw(subject)
        lacking.inputs.pop()
        lacking.raw_input_contents.pop()
        _refused(subject, lacking)


@group.must("G5n", "A requested output that the model does not have is refused")
def unknown_output(subject: Subject) -> None:
    message = raw(subject)
    message.outputs.add(name="modelyard-no-such-output")
    _refused(subject, message)


@group.should("G5o", "An input or a requested output that is given twice is refused")
def duplicates(subject: Subject) -> None:
    twice, asked_twice = raw(subject), raw(subject)
    twice.inputs.append(twice.inputs[0])
    twice.raw_input_contents.append(twice.raw_input_contents[0])
    for _ in range(2):
        asked_twice.outputs.add(name=subject.outputs[0].name)
    _refused(subject, twice, asked_twice)


@group.should("G5p", "The status of bad input is INVALID_ARGUMENT")
def bad_input_code(subject: Subject) -> None:
    _refused(subject, *_bad_requests(subject), code="INVALID_ARGUMENT")


@group.must("G5q", "Bytes that are no message end with an error, and the server keeps serving")
def garbage(subject: Subject) -> None:
    message = raw(subject)
    for data in (b"\xff" * 64, message.SerializeToString()[:-3], b"\x2a\xff\xff\xff\xff\x0f"):
        try:
            subject.rpc.call_bytes("ModelInfer", data)
        except RpcFailed:
            continue
        raise Violation("expected an error, OK came")
    infer(subject, message)
