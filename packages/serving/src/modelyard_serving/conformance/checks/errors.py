"""What is not there is absent, and every error has the same form."""

import re
from typing import Any

from modelyard_serving.conformance.checks.health import UNKNOWN
from modelyard_serving.conformance.checks.metadata import of_model, of_server
from modelyard_serving.conformance.http import Response
from modelyard_serving.conformance.rest import error_object, infer, is_client_error, refused, request, succeeded
from modelyard_serving.conformance.rules import Group, Transport, Violation
from modelyard_serving.conformance.subject import Subject

group = Group("Errors and absent fields", section="REST, errors", transport=Transport.REST)

LEAKS = re.compile(r"Traceback|File \"|site-packages|\.py\b|line \d+, in |0x[0-9a-f]{8}")


def _no_null(value: Any, where: str) -> None:
    if not isinstance(value, dict):
        return
    for field, content in value.items():
        if content is None:
            raise Violation(f"'{field}' of {where} is null; an optional field must be absent")


def _bad_inputs(subject: Subject) -> list[Response]:
    """Answers to requests that a model cannot take, one for each way of being wrong."""
    wrong: list[dict[str, Any]] = [
        {"name": "modelyard-no-such-input"},
        {"data": []},
        {"data": [{}] * subject.sample[0].data.size},
        {"datatype": "FLOAT"},
        {"shape": [-1, *subject.sample[0].shape[1:]]},
        {"shape": "2"},
    ]
    bodies = [request(subject) for _ in wrong]
    for body, fields in zip(bodies, wrong, strict=True):
        body["inputs"][0].update(fields)
    return [infer(subject, body) for body in [*bodies, {}, {"inputs": [{}]}]]


@group.must("R6.9a", "An inference answer holds no null for an optional field")
def no_null_in_a_response(subject: Subject) -> None:
    head = succeeded(infer(subject, request(subject))).object()
    _no_null(head, "the answer")
    for output in head.get("outputs", []):
        _no_null(output, "an output")


@group.must("R6.9b", "Metadata holds no null for an optional field")
def no_null_in_metadata(subject: Subject) -> None:
    _no_null(of_server(subject), "the server's metadata")
    metadata = of_model(subject)
    _no_null(metadata, "the model's metadata")
    for tensor in [*(metadata.get("inputs") or []), *(metadata.get("outputs") or [])]:
        _no_null(tensor, "a tensor's metadata")


@group.must("R6.10a", "Malformed JSON is refused")
def malformed_json(subject: Subject) -> None:
    for body in (b"{", b"inputs", b'{"inputs": [}', subject.plain_body()[:-1]):
        refused(infer(subject, body))


@group.should("R6.10b", "It is 400")
def malformed_json_400(subject: Subject) -> None:
    refused(infer(subject, b"{"), status=400)


@group.must("R6.10c", "It has the protocol's error object")
def malformed_json_object(subject: Subject) -> None:
    error_object(refused(infer(subject, b"{")))


@group.must("R6.10d", "A body that is JSON but no object is refused")
def body_of_another_kind(subject: Subject) -> None:
    for body in (b"[]", b"7", b'"text"', b"null", b"true"):
        refused(infer(subject, body))


@group.must("R6.10e", "An empty body is refused")
def empty_body(subject: Subject) -> None:
    refused(infer(subject, b""))


@group.must("R6.10f", "A body that is not UTF-8 is refused")
def not_utf8(subject: Subject) -> None:
    name = subject.sample[0].name.encode()
    refused(infer(subject, subject.plain_body().replace(name, b"\xff\xfe" + name, 1)))


@group.must("R6.10g", "Input that the model does not take has the protocol's error object")
def bad_input_object(subject: Subject) -> None:
    for response in _bad_inputs(subject):
        error_object(refused(response))


@group.should("R6.10h", "It is a client error, 4xx: a server error would ask the caller to try again")
def bad_input_is_client_error(subject: Subject) -> None:
    for response in _bad_inputs(subject):
        is_client_error(response)


@group.must("R6.10i", "A model that does not exist has the protocol's error object")
def unknown_model_object(subject: Subject) -> None:
    error_object(refused(subject.http.get(subject.path(model=UNKNOWN))))
    error_object(refused(infer(subject, request(subject), model=UNKNOWN)))


@group.must("R6.10j", "A path that does not exist is an error with the protocol's error object")
def unknown_path(subject: Subject) -> None:
    for path in ("/v2/modelyard-no-such-path", subject.path("/modelyard-no-such-verb")):
        error_object(refused(subject.http.get(path)))


@group.should("R6.10k", "It is 404")
def unknown_path_404(subject: Subject) -> None:
    refused(subject.http.get("/v2/modelyard-no-such-path"), status=404)


@group.must("R6.10l", "A wrong method is an error with the protocol's error object")
def wrong_method(subject: Subject) -> None:
    error_object(refused(subject.http.get(subject.path("/infer"))))
    error_object(refused(subject.http.request("DELETE", subject.path())))


@group.should("R6.10m", "It is 405")
def wrong_method_405(subject: Subject) -> None:
    refused(subject.http.get(subject.path("/infer")), status=405)


@group.should("R6.10n", "No error shows source files, addresses or a traceback")
def no_leaks(subject: Subject) -> None:
    responses = [*_bad_inputs(subject), infer(subject, b"{"), infer(subject, b"[]")]
    for response in responses:
        leak = LEAKS.search(response.body.decode("utf-8", "replace"))
        if leak:
            raise Violation(f"the error shows {leak.group()!r}")


@group.should("R6.10o", "The error of a wrong input name says which names there are")
def error_tells_the_names(subject: Subject) -> None:
    body = request(subject)
    name = body["inputs"][0]["name"]
    body["inputs"][0]["name"] = "modelyard-no-such-input"
    if name not in str(refused(infer(subject, body)).object().get("error")):
        raise Violation(f"expected the error to name '{name}'")
