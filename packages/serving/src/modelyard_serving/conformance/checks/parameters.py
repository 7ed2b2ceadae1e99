"""The request's id, and parameters at every level."""

from typing import Any

from modelyard_serving.conformance.rest import infer, infer_outputs, refused, request, succeeded
from modelyard_serving.conformance.rules import Group, Transport, Violation
from modelyard_serving.conformance.subject import Subject

group = Group("Ids and parameters", section="REST, ids and parameters", transport=Transport.REST)

PARAMETERS = {"modelyard_text": "a", "modelyard_number": 1, "modelyard_fraction": 0.5, "modelyard_flag": True}


@group.must("R6.4a", "An id is returned verbatim")
def id_is_echoed(subject: Subject) -> None:
    for request_id in ("42", "modelyard/ß 7", "x" * 200):
        actual = succeeded(infer(subject, request(subject, id=request_id))).object().get("id")
        if actual != request_id:
            raise Violation(f"expected {request_id!r}, {actual!r} came")


@group.should("R6.4b", "A request without an id gets none")
def id_is_not_invented(subject: Subject) -> None:
    head = succeeded(infer(subject, request(subject))).object()
    if "id" in head:
        raise Violation(f"the id {head['id']!r} was invented")


@group.should("R6.4c", "An id that is no string is refused")
def id_of_another_kind(subject: Subject) -> None:
    ids: tuple[Any, ...] = ([], {"a": 1}, True)
    for request_id in ids:
        refused(infer(subject, request(subject, id=request_id)))


@group.must("R6.5a", "Unknown parameters of a request are ignored")
def request_parameters(subject: Subject) -> None:
    infer_outputs(subject, request(subject, parameters=PARAMETERS))


@group.must("R6.5b", "Unknown parameters of an input are ignored")
def input_parameters(subject: Subject) -> None:
    body = request(subject)
    body["inputs"][0]["parameters"] = PARAMETERS
    infer_outputs(subject, body)


@group.must("R6.5c", "Unknown parameters of a requested output are ignored")
def output_parameters(subject: Subject) -> None:
    infer_outputs(subject, request(subject, outputs=[{"name": subject.outputs[0].name, "parameters": PARAMETERS}]))


@group.should("R6.5d", "Parameters that are no object are refused")
def parameters_of_another_kind(subject: Subject) -> None:
    for parameters in ("text", 7, [1]):
        refused(infer(subject, request(subject, parameters=parameters)))


@group.must("R6.5e", "Parameters of an answer are strings, numbers and booleans by name")
def response_parameters(subject: Subject) -> None:
    head = succeeded(infer(subject, request(subject, parameters=PARAMETERS))).object()
    for holder in [head, *head.get("outputs", [])]:
        _check(holder.get("parameters", {}))


def _check(parameters: Any) -> None:
    if not isinstance(parameters, dict):
        raise Violation(f"parameters must be an object, {parameters!r} came")
    for name, value in parameters.items():
        if not isinstance(value, str | int | float):
            raise Violation(f"parameter '{name}' must be a string, a number or a boolean, {value!r} came")
