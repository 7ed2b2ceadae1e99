"""Which outputs come, and in which order."""

from modelyard_serving.conformance.rest import infer, infer_outputs, refused, request
from modelyard_serving.conformance.rules import Group, NotApplicable, Transport, Violation
from modelyard_serving.conformance.subject import Subject

group = Group("Requested outputs", section="REST, requested outputs", transport=Transport.REST)


def _names(subject: Subject, requested: list[str] | None) -> list[str]:
    fields = {} if requested is None else {"outputs": [{"name": name} for name in requested]}
    return [tensor.name for tensor in infer_outputs(subject, request(subject, **fields))]


@group.must("R6.3a", "A request that names no outputs gets all of them")
def all_outputs(subject: Subject) -> None:
    declared = {spec.name for spec in subject.outputs}
    actual = _names(subject, None)
    if set(actual) != declared or len(actual) != len(declared):
        raise Violation(f"expected {sorted(declared)}, {actual} came")


@group.must("R6.3b", "A request that names an output gets this one only")
def one_output(subject: Subject) -> None:
    for spec in subject.outputs:
        actual = _names(subject, [spec.name])
        if actual != [spec.name]:
            raise Violation(f"expected ['{spec.name}'], {actual} came")


@group.should("R6.3c", "Outputs come in the order in which they were asked for")
def requested_order(subject: Subject) -> None:
    names = [spec.name for spec in subject.outputs]
    if len(names) < 2:
        raise NotApplicable("the model has one output")
    for requested in (names, names[::-1]):
        actual = _names(subject, requested)
        if actual != requested:
            raise Violation(f"expected {requested}, {actual} came")


@group.must("R6.3d", "A requested output that the model does not have is refused")
def unknown_output(subject: Subject) -> None:
    refused(infer(subject, request(subject, outputs=[{"name": "modelyard-no-such-output"}])))


@group.should("R6.3e", "An output that is requested twice is refused")
def duplicate_output(subject: Subject) -> None:
    name = subject.outputs[0].name
    refused(infer(subject, request(subject, outputs=[{"name": name}, {"name": name}])))


@group.must("R6.3f", "A requested output without a name is refused")
def output_without_a_name(subject: Subject) -> None:
    refused(infer(subject, request(subject, outputs=[{}])))


@group.must("R6.3g", "Requested outputs that are no list of objects are refused")
def outputs_of_another_kind(subject: Subject) -> None:
    for outputs in ("all", 7, ["name"], {"name": subject.outputs[0].name}):
        refused(infer(subject, request(subject, outputs=outputs)))
