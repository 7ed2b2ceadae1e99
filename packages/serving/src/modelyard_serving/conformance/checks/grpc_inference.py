"""gRPC: valid inferences in the typed and the raw form."""

import math

from modelyard_serving.conformance import rest
from modelyard_serving.conformance.messages import answer, infer, raw, typed, untried_raw, untried_typed
from modelyard_serving.conformance.rules import Group, NotApplicable, Transport, Violation
from modelyard_serving.conformance.subject import Subject
from modelyard_serving.conformance.tensors import Tensor, same

group = Group("Inference", section="1.2", transport=Transport.GRPC)

DEFAULT_LIMIT = 4 << 20


def _same(expected: list[Tensor], came: list[Tensor]) -> None:
    if [tensor.name for tensor in expected] != [tensor.name for tensor in came]:
        raise Violation(f"expected {[each.name for each in expected]}, {[each.name for each in came]} came")
    for left, right in zip(expected, came, strict=True):
        if not same(left, right):
            raise Violation(f"output '{left.name}' differs")


@group.must("G4a", "A request with typed contents is answered, its outputs well-formed")
def typed_contents(subject: Subject) -> None:
    if not answer(subject, untried_typed(subject)):
        raise Violation("no output came")


@group.must("G4b", "A request with raw contents is answered, its outputs well-formed")
def raw_contents(subject: Subject) -> None:
    if not answer(subject, untried_raw(subject)):
        raise Violation("no output came")


@group.must("G4c", "Both forms give the same answer")
def raw_is_typed(subject: Subject) -> None:
    _same(answer(subject, typed(subject)), answer(subject, raw(subject)))


@group.must("G4d", "gRPC and REST give the same answer")
def grpc_is_rest(subject: Subject) -> None:
    _same(rest.answer(subject, rest.request(subject)), answer(subject, raw(subject)))


@group.must("G4e", "The answer tells model_name, and returns the id verbatim")
def names(subject: Subject) -> None:
    message = raw(subject)
    message.id = "modelyard/ß 7"
    came = infer(subject, message)
    if (came.model_name, came.id) != (subject.model, message.id):
        raise Violation(f"expected {subject.model!r} and {message.id!r}, {came.model_name!r} and {came.id!r} came")


@group.must("G4f", "A version that the model declares is taken, and told in the answer")
def version(subject: Subject) -> None:
    message = raw(subject)
    message.model_version = subject.version
    came = infer(subject, message).model_version
    if came != message.model_version:
        raise Violation(f"expected {message.model_version!r}, {came!r} came")


@group.must("G4g", "Unknown parameters of request, input and output are ignored")
def parameters(subject: Subject) -> None:
    message = raw(subject)
    requested = message.outputs.add(name=subject.outputs[0].name)
    for holder in (message, message.inputs[0], requested):
        holder.parameters["modelyard_text"].string_param = "a"
        holder.parameters["modelyard_number"].int64_param = -1
        holder.parameters["modelyard_flag"].bool_param = True
    answer(subject, message)


@group.should("G4h", "So are parameters of the later kinds, double and uint64")
def later_parameters(subject: Subject) -> None:
    message = raw(subject)
    message.parameters["modelyard_fraction"].double_param = 0.5
    message.parameters["modelyard_large"].uint64_param = 2**63
    answer(subject, message)


@group.must("G4i", "A request that names no outputs gets all of them, one that names an output this one only")
def requested_outputs(subject: Subject) -> None:
    declared = {spec.name for spec in subject.outputs}
    came = {tensor.name for tensor in answer(subject, raw(subject))}
    if came != declared:
        raise Violation(f"expected {sorted(declared)}, {sorted(came)} came")
    for name in declared:
        message = raw(subject)
        message.outputs.add(name=name)
        if [tensor.name for tensor in answer(subject, message)] != [name]:
            raise Violation(f"expected '{name}' only")


@group.must("G4j", "All outputs of an answer have one form, raw or typed")
def one_form(subject: Subject) -> None:
    for message in (typed(subject), raw(subject)):
        came = infer(subject, message)
        if came.raw_output_contents and any(output.HasField("contents") for output in came.outputs):
            raise Violation("raw and typed contents came together")


@group.should("G4k", "The answer has the request's form")
def mirrored_form(subject: Subject) -> None:
    if infer(subject, typed(subject)).raw_output_contents:
        raise Violation("typed contents were answered with raw ones")
    if not infer(subject, raw(subject)).raw_output_contents:
        raise Violation("raw contents were answered with typed ones")


@group.should("G4l", "A request of more than 4 MB, gRPC's default limit, is taken")
def large_message(subject: Subject) -> None:
    raw(subject)
    if not subject.is_batched:
        raise NotApplicable("the inputs' first dimension is fixed")
    row_size = sum(len(tensor.row(0).to_bytes()) for tensor in subject.sample)
    rows = math.ceil(DEFAULT_LIMIT * 1.25 / row_size)
    message = untried_raw(subject, tensors=tuple(tensor.with_rows(rows) for tensor in subject.sample))
    answer(subject, message)
