"""Binary tensor data in answers."""

from typing import Any

from modelyard_serving.conformance.http import Response
from modelyard_serving.conformance.rest import (
    HEADER_LENGTH,
    binary_body,
    binary_size,
    infer,
    infer_outputs,
    outputs,
    request,
    split,
    succeeded,
    unverified_binary_request,
)
from modelyard_serving.conformance.rules import Group, NotApplicable, Transport, Violation
from modelyard_serving.conformance.subject import Subject
from modelyard_serving.conformance.tensors import same

group = Group("Binary answers", section="binary tensor data extension", transport=Transport.BINARY)

ALL_BINARY = {"binary_data_output": True}


def _requested(name: str, *, binary: bool) -> dict[str, Any]:
    return {"name": name, "parameters": {"binary_data": binary}}


def _binary_names(response: Response) -> set[str]:
    head, _ = split(succeeded(response))
    return {output["name"] for output in head["outputs"] if binary_size(output) is not None}


def _all_binary(subject: Subject, **fields: Any) -> Response:
    """An answer of which every output was asked for as bytes, from a server that gives bytes at all."""
    response = infer(subject, request(subject, parameters=ALL_BINARY, **fields))
    if not _binary_names(response):
        raise NotApplicable("no output came as bytes")
    return response


@group.must("B5a", "An output with binary_data comes as bytes, with binary_data_size and without data")
def one_binary_output(subject: Subject) -> None:
    name = subject.outputs[0].name
    head, _ = split(succeeded(infer(subject, request(subject, outputs=[_requested(name, binary=True)]))))
    output = head["outputs"][0]
    if binary_size(output) is None or "data" in output:
        raise Violation(f"expected binary_data_size and no data, {sorted(output)} came")


@group.must("B5b", "Its elements are those of JSON, and no byte is left over")
def binary_output_is_json(subject: Subject) -> None:
    plain = infer_outputs(subject, request(subject))
    for left, right in zip(plain, outputs(_all_binary(subject)), strict=True):
        if not same(left, right):
            raise Violation(f"output '{left.name}' differs from that of the JSON answer")


@group.must("B5c", "Its Inference-Header-Content-Length is the length of the JSON")
def response_header_length(subject: Subject) -> None:
    response = succeeded(infer(subject, request(subject, parameters=ALL_BINARY)))
    if HEADER_LENGTH.lower() not in response.headers:
        raise Violation(f"expected the header {HEADER_LENGTH}, none came")
    outputs(response)


@group.must("B5d", "Its Content-Type is application/octet-stream")
def response_type(subject: Subject) -> None:
    kind = _all_binary(subject).headers.get("content-type")
    if kind != "application/octet-stream":
        raise Violation(f"expected application/octet-stream, {kind!r} came")


@group.must("B5e", "binary_data_output makes every output binary, as tritonclient asks by default")
def all_outputs_binary(subject: Subject) -> None:
    body, headers = binary_body(*unverified_binary_request(subject, parameters=ALL_BINARY))
    response = infer(subject, body, headers=headers)
    names = {tensor.name for tensor in outputs(succeeded(response))}
    if _binary_names(response) != names:
        raise Violation(f"expected {sorted(names)} as bytes, {sorted(_binary_names(response))} came so")


@group.must("B5f", "binary_data of an output wins over binary_data_output")
def output_wins(subject: Subject) -> None:
    _all_binary(subject)
    requested = [_requested(subject.outputs[0].name, binary=False)]
    names = _binary_names(infer(subject, request(subject, outputs=requested, parameters=ALL_BINARY)))
    if names:
        raise Violation(f"expected no binary output, {sorted(names)} came so")


@group.must("B5g", "JSON and binary outputs may stand in one answer")
def mixed_outputs(subject: Subject) -> None:
    if len(subject.outputs) < 2:
        raise NotApplicable("the model has one output")
    first, second = subject.outputs[:2]
    requested = [_requested(first.name, binary=False), _requested(second.name, binary=True)]
    response = infer(subject, request(subject, outputs=requested))
    outputs(succeeded(response))
    if _binary_names(response) != {second.name}:
        raise Violation(f"expected '{second.name}' alone as bytes, {sorted(_binary_names(response))} came so")


@group.must("B5h", "Without being asked no output is binary")
def json_by_default(subject: Subject) -> None:
    body, headers = binary_body(*unverified_binary_request(subject))
    names = _binary_names(infer(subject, body, headers=headers))
    if names:
        raise Violation(f"{sorted(names)} came as bytes")


@group.must("B5i", "The id is returned in a binary answer too")
def binary_id(subject: Subject) -> None:
    head, _ = split(_all_binary(subject, id="b7"))
    if head.get("id") != "b7":
        raise Violation(f"expected the id 'b7', {head.get('id')!r} came")


@group.should("B5j", "The server says that it has the extension: binary_tensor_data")
def says_so(subject: Subject) -> None:
    extensions = subject.server_metadata.get("extensions")
    if not isinstance(extensions, list) or "binary_tensor_data" not in extensions:
        raise Violation(f"extensions are {extensions!r}")
