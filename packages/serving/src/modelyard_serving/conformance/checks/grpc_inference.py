"""gRPC: valid inferences in the typed and the raw form."""

import math

from modelyard_serving.conformance import rest
from modelyard_serving.conformance.messages import infer, infer_outputs, raw, typed, unverified_raw, unverified_typed
from modelyard_serving.conformance.rules import Group, NotApplicable, Transport, Violation
from modelyard_serving.conformance.subject import Subject
from modelyard_serving.conformance.tensors import Tensor, same

group = Group("Inference", section="gRPC", transport=Transport.GRPC)

DEFAULT_LIMIT = 4 << 20


def _same(expected: list[Tensor], actual: list[Tensor]) -> None:
    if [tensor.name for tensor in expected] != [tensor.name for tensor in actual]:
        raise Violation(f"expected {[each.name for each in expected]}, {[each.name for each in actual]} came")
    for left, right in zip(expected, actual, strict=True):
        if not same(left, right):
            raise Violation(f"output '{left.name}' differs")


@group.must("G4a", "A request with typed contents is answered, its outputs well-formed")
def typed_contents(subject: Subject) -> None:
    if not infer_outputs(subject, unverified_typed(subject)):
        raise Violation("no output came")


@group.must("G4b", "A request with raw contents is answered, its outputs well-formed")
def raw_contents(subject: Subject) -> None:
    if not infer_outputs(subject, unverified_raw(subject)):
        raise Violation("no output came")


@group.must("G4c", "Both forms give the same answer")
def raw_is_typed(subject: Subject) -> None:
    _same(infer_outputs(subject, typed(subject)), infer_outputs(subject, raw(subject)))


@group.must("G4d", "gRPC and REST give the same answer")
def grpc_is_rest(subject: Subject) -> None:
    _same(rest.infer_outputs(subject, rest.request(subject)), infer_outputs(subject, raw(subject)))


@group.must("G4e", "The answer reports model_name, and returns the id verbatim")
def names(subject: Subject) -> None:
    message = raw(subject)
    message.id = "modelyard/ß 7"
    actual = infer(subject, message)
    if (actual.model_name, actual.id) != (subject.model, message.id):
        raise Violation(f"expected {subject.model!r} and {message.id!r}, {actual.model_name!r} and {actual.id!r} came")


@group.must("G4f", "A version that the model declares is accepted, and reported in the response")
def version(subject: Subject) -> None:
    message = raw(subject)
    message.model_version = subject.version
    actual = infer(subject, message).model_version
    if actual != message.model_version:
        raise Violation(f"expected {message.model_version!r}, {actual!r} came")


@group.must("G4g", "Unknown parameters of request, input and output are ignored")
def parameters(subject: Subject) -> None:
    message = raw(subject)
    requested = message.outputs.add(name=subject.outputs[0].name)
    for holder in (message, message.inputs[0], requested):
        holder.parameters["modelyard_text"].string_param = "a"
        holder.parameters["modelyard_number"].int64_param = -1
        holder.parameters["modelyard_flag"].bool_param = True
    infer_outputs(subject, message)


@group.should("G4h", "So are parameters of the later kinds, double and uint64")
def later_parameters(subject: Subject) -> None:
    message = raw(subject)
    message.parameters["modelyard_fraction"].double_param = 0.5
    message.parameters["modelyard_large"].uint64_param = 2**63
    infer_outputs(subject, message)


@group.must("G4i", "A request that names no outputs gets all of them, one that names an output this one only")
def requested_outputs(subject: Subject) -> None:
    declared = {spec.name for spec in subject.outputs}
    actual = {tensor.name for tensor in infer_outputs(subject, raw(subject))}
    if actual != declared:
        raise Violation(f"expected {sorted(declared)}, {sorted(actual)} came")
    for name in declared:
        message = raw(subject)
        message.outputs.add(name=name)
        if [tensor.name for tensor in infer_outputs(subject, message)] != [name]:
            raise Violation(f"expected '{name}' only")


@group.must("G4j", "All outputs of an answer have one form, raw or typed")
def one_form(subject: Subject) -> None:
    for message in (typed(subject), raw(subject)):
        actual = infer(subject, message)
        if actual.raw_output_contents and any(output.HasField("contents") for output in actual.outputs):
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
    message = unverified_raw(subject, tensors=tuple(tensor.with_rows(rows) for tensor in subject.sample))
    infer_outputs(subject, message)
