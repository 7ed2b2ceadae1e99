"""Content rule 3: which outputs come, and in which order."""

from modelyard_serving.conformance.rest import answer, infer, refused, request
from modelyard_serving.conformance.rules import Group, NotApplicable, Transport, Violation
from modelyard_serving.conformance.subject import Subject

group = Group("Requested outputs", section="1.1, content rule 3", transport=Transport.REST)


def _names(subject: Subject, requested: list[str] | None) -> list[str]:
    fields = {} if requested is None else {"outputs": [{"name": name} for name in requested]}
    return [tensor.name for tensor in answer(subject, request(subject, **fields))]


@group.must("R6.3a", "A request that names no outputs gets all of them")
def all_outputs(subject: Subject) -> None:
    declared = {spec.name for spec in subject.outputs}
    came = _names(subject, None)
    if set(came) != declared or len(came) != len(declared):
        raise Violation(f"expected {sorted(declared)}, {came} came")


@group.must("R6.3b", "A request that names an output gets this one only")
def one_output(subject: Subject) -> None:
    for spec in subject.outputs:
        came = _names(subject, [spec.name])
        if came != [spec.name]:
            raise Violation(f"expected ['{spec.name}'], {came} came")


@group.should("R6.3c", "Outputs come in the order in which they were asked for")
def requested_order(subject: Subject) -> None:
    names = [spec.name for spec in subject.outputs]
    if len(names) < 2:
        raise NotApplicable("the model has one output")
    for wanted in (names, names[::-1]):
        came = _names(subject, wanted)
        if came != wanted:
            raise Violation(f"expected {wanted}, {came} came")


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
