"""A plain inference, and the form of its answer."""

from typing import Any

from modelyard_serving.conformance.checks.health import NO_VERSION, UNKNOWN
from modelyard_serving.conformance.rest import JSON_TYPE, infer, infer_outputs, outputs, refused, request, succeeded
from modelyard_serving.conformance.rules import Group, NotApplicable, Transport, Violation
from modelyard_serving.conformance.subject import Subject
from modelyard_serving.conformance.tensors import RAW_ONLY

group = Group("Inference", section="REST", transport=Transport.REST)


def _head(subject: Subject) -> dict[str, Any]:
    return succeeded(infer(subject, request(subject))).object()


@group.must("R6a", "A valid request is answered with 200")
def valid_request(subject: Subject) -> None:
    tensors = subject.unverified_sample
    if any(tensor.datatype in RAW_ONLY for tensor in tensors):
        raise NotApplicable("the inputs cannot be JSON")
    succeeded(infer(subject, {"inputs": [tensor.to_json() for tensor in tensors]}))


@group.must("R6b", "The answer reports model_name, as it was asked for")
def response_names_the_model(subject: Subject) -> None:
    name = _head(subject).get("model_name")
    if name != subject.model:
        raise Violation(f"expected {subject.model!r}, {name!r} came")


@group.must("R6c", "Every output has name, datatype, shape and as many elements as that says, of its datatype")
def outputs_are_well_formed(subject: Subject) -> None:
    if not infer_outputs(subject, request(subject)):
        raise Violation("no output came")


@group.must("R6d", "Names and datatypes of the outputs are the declared ones")
def outputs_are_declared(subject: Subject) -> None:
    declared = {(spec.name, spec.datatype) for spec in subject.outputs}
    for tensor in infer_outputs(subject, request(subject)):
        if (tensor.name, tensor.datatype) not in declared:
            raise Violation(f"output '{tensor.name}' of {tensor.datatype} was not declared")


@group.should("R6e", "Shapes of the outputs fit the declared ones")
def output_shapes_are_declared(subject: Subject) -> None:
    declared = {spec.name: spec for spec in subject.outputs}
    for tensor in infer_outputs(subject, request(subject)):
        spec = declared.get(tensor.name)
        if spec is not None and not spec.takes(tensor.shape):
            raise Violation(f"output '{tensor.name}' declares {list(spec.shape)}, {list(tensor.shape)} came")


@group.must("R6f", "The answer is application/json")
def response_type(subject: Subject) -> None:
    kind = succeeded(infer(subject, request(subject))).headers.get("content-type", "")
    if not kind.startswith("application/json"):
        raise Violation(f"expected Content-Type application/json, {kind or 'none'!r} came")


@group.must("R6g", "Inference of a model that does not exist is an error")
def unknown_model(subject: Subject) -> None:
    refused(infer(subject, request(subject), model=UNKNOWN))


@group.should("R6h", "That error is 404")
def unknown_model_404(subject: Subject) -> None:
    refused(infer(subject, request(subject), model=UNKNOWN), status=404)


@group.must("R6i", "Inference of a version that does not exist is an error")
def unknown_version(subject: Subject) -> None:
    refused(infer(subject, request(subject), version=NO_VERSION))


@group.must("R6j", "One connection carries several requests")
def keep_alive(subject: Subject) -> None:
    connection = subject.http.keep_alive()
    try:
        for _ in range(3):
            path, body = subject.path("/infer"), subject.plain_body()
            outputs(succeeded(subject.http.send(connection, "POST", path, body=body, headers=JSON_TYPE)))
    finally:
        connection.close()


@group.should("R6k", "A connection stays open after a refused request, or the response announces its end")
def keep_alive_after_an_error(subject: Subject) -> None:
    connection = subject.http.keep_alive()
    try:
        refused(subject.http.send(connection, "POST", subject.path("/infer"), body=b"{", headers=JSON_TYPE))
        succeeded(subject.http.send(connection, "GET", "/v2/health/live"))
    finally:
        connection.close()
