"""Binary tensor data in requests: what the stock client sends by default."""

from typing import Any

from modelyard_serving.conformance.rest import (
    HEADER_LENGTH,
    binary_body,
    binary_request,
    binary_tensor,
    infer,
    infer_outputs,
    is_client_error,
    refused,
    request,
    unverified_binary_request,
)
from modelyard_serving.conformance.rules import Group, NotApplicable, Transport, Violation
from modelyard_serving.conformance.subject import Subject
from modelyard_serving.conformance.tensors import Tensor, same

group = Group("Binary requests", section="binary tensor data extension", transport=Transport.BINARY)

OCTETS = {"Content-Type": "application/octet-stream"}


def _same_as_json(subject: Subject, actual: list[Tensor]) -> None:
    for plain, binary in zip(infer_outputs(subject, request(subject)), actual, strict=True):
        if not same(plain, binary):
            raise Violation(f"output '{plain.name}' differs from that of the JSON request")


def _with_bytes(subject: Subject) -> Tensor:
    for tensor in subject.sample:
        if tensor.datatype == "BYTES":
            return tensor
    raise NotApplicable("no input is of BYTES")


def _with_fixed_size(subject: Subject) -> int:
    for index, tensor in enumerate(subject.sample):
        if tensor.datatype != "BYTES":
            return index
    raise NotApplicable("every input is of BYTES")


@group.must("B1a", "Inputs as bytes are taken without a Content-Type, as tritonclient sends them")
def binary_inputs(subject: Subject) -> None:
    body, headers = binary_body(*unverified_binary_request(subject))
    infer_outputs(subject, body, headers=headers)


@group.must("B1b", "They are taken as application/octet-stream")
def binary_inputs_typed(subject: Subject) -> None:
    body, headers = binary_body(*unverified_binary_request(subject))
    infer_outputs(subject, body, headers=headers | OCTETS)


@group.must("B1c", "The answer is the same as to JSON: little-endian, row-major")
def binary_is_json(subject: Subject) -> None:
    body, headers = binary_body(*unverified_binary_request(subject))
    _same_as_json(subject, infer_outputs(subject, body, headers=headers))


@group.must("B1d", "JSON and binary inputs may stand in one request")
def mixed_inputs(subject: Subject) -> None:
    if len(subject.sample) < 2:
        raise NotApplicable("the model has one input")
    head, blob = binary_tensor(subject.sample[1])
    inputs = [subject.sample[0].to_json(), head, *(tensor.to_json() for tensor in subject.sample[2:])]
    body, headers = binary_body({"inputs": inputs}, [blob])
    _same_as_json(subject, infer_outputs(subject, body, headers=headers))


@group.must("B2a", "Missing bytes are refused")
def missing_bytes(subject: Subject) -> None:
    head, blobs = binary_request(subject)
    body, headers = binary_body(head, [*blobs[:-1], blobs[-1][:-1]])
    refused(infer(subject, body, headers=headers))


@group.must("B2b", "Bytes behind the last tensor are refused")
def leftover_bytes(subject: Subject) -> None:
    head, blobs = binary_request(subject)
    body, headers = binary_body(head, [*blobs, b"\0\0\0\0"])
    refused(infer(subject, body, headers=headers))


@group.must("B2c", "A binary_data_size that does not fit shape and datatype is refused")
def wrong_size(subject: Subject) -> None:
    index = _with_fixed_size(subject)
    head, blobs = binary_request(subject)
    for change in (b"\0\0\0\0\0\0\0\0", b"\0"):
        blob = blobs[index] + change
        head["inputs"][index]["parameters"]["binary_data_size"] = len(blob)
        body, headers = binary_body(head, [*blobs[:index], blob, *blobs[index + 1 :]])
        refused(infer(subject, body, headers=headers))


@group.must("B2d", "A binary_data_size that is no integer >= 0 is refused")
def odd_size(subject: Subject) -> None:
    sizes: tuple[Any, ...] = (-1, "8", 0.5, [], None, 2**63, 2**64 + 8)
    for size in sizes:
        head, blobs = binary_request(subject)
        head["inputs"][0]["parameters"]["binary_data_size"] = size
        body, headers = binary_body(head, blobs)
        refused(infer(subject, body, headers=headers))


@group.should("B2e", "An input with data and binary_data_size both is refused")
def data_twice(subject: Subject) -> None:
    head, blobs = binary_request(subject)
    head["inputs"][0]["data"] = subject.sample[0].to_json()["data"]
    body, headers = binary_body(head, blobs)
    refused(infer(subject, body, headers=headers))


@group.must("B2f", "An element of BYTES whose length runs over the end is refused")
def truncated_element(subject: Subject) -> None:
    tensor = _with_bytes(subject)
    index = subject.sample.index(tensor)
    head, blobs = binary_request(subject)
    blob = (2**31).to_bytes(4, "little") + blobs[index][4:]
    body, headers = binary_body(head, [*blobs[:index], blob, *blobs[index + 1 :]])
    refused(infer(subject, body, headers=headers))


@group.must("B2g", "Fewer elements of BYTES than the shape asks for are refused")
def too_few_elements(subject: Subject) -> None:
    tensor = _with_bytes(subject)
    index = subject.sample.index(tensor)
    head, blobs = binary_request(subject)
    blob = len(blobs[index][4:]).to_bytes(4, "little") + blobs[index][4:]
    body, headers = binary_body(head, [*blobs[:index], blob, *blobs[index + 1 :]])
    refused(infer(subject, body, headers=headers))


@group.should("B2h", "Bad binary data is a client error, 4xx")
def bad_data_is_client_error(subject: Subject) -> None:
    head, blobs = binary_request(subject)
    for spoilt in ([*blobs[:-1], blobs[-1][:-1]], [*blobs, b"\0\0\0\0"]):
        body, headers = binary_body(head, spoilt)
        is_client_error(infer(subject, body, headers=headers))
    body, headers = binary_body(head, blobs)
    for length in ("abc", "-1", str(len(body) + 1), str(2**31)):
        is_client_error(infer(subject, body, headers={HEADER_LENGTH: length}))


@group.must("B3a", "A header length that is no integer >= 0, or more than the body, is refused")
def odd_header_length(subject: Subject) -> None:
    body, _ = binary_body(*binary_request(subject))
    for length in ("abc", "-1", "1.5", "", "0x10", str(len(body) + 1), str(2**31), str(2**63), str(2**64 + 1)):
        refused(infer(subject, body, headers={HEADER_LENGTH: length}))


@group.must("B3b", "A header length that cuts the JSON is refused")
def short_header_length(subject: Subject) -> None:
    body, headers = binary_body(*binary_request(subject))
    for length in (1, int(headers[HEADER_LENGTH]) - 1):
        refused(infer(subject, body, headers={HEADER_LENGTH: str(length)}))


@group.should("B3c", "A header length of the whole body with JSON only is taken")
def json_with_header_length(subject: Subject) -> None:
    body, headers = binary_body(request(subject))
    infer_outputs(subject, body, headers=headers)


@group.should("B4a", "A header length of 0 makes the whole body the single input")
def raw_request(subject: Subject) -> None:
    tensor = _raw_tensor(subject)
    actual = infer_outputs(subject, tensor.to_bytes(), headers={HEADER_LENGTH: "0"})
    for plain, raw in zip(infer_outputs(subject, {"inputs": [tensor.to_json()]}), actual, strict=True):
        if not same(plain, raw):
            raise Violation(f"output '{plain.name}' differs from that of the JSON request")


@group.should("B4b", "A raw request whose size is no whole input is refused")
def raw_request_of_a_wrong_size(subject: Subject) -> None:
    tensor = _raw_tensor(subject)
    infer_outputs(subject, tensor.to_bytes(), headers={HEADER_LENGTH: "0"})
    refused(infer(subject, tensor.to_bytes() + b"\0", headers={HEADER_LENGTH: "0"}))


@group.should("B4c", "A raw request to a model of several inputs is refused")
def raw_request_of_several_inputs(subject: Subject) -> None:
    if len(subject.sample) < 2:
        raise NotApplicable("the model has one input")
    binary_request(subject)
    refused(infer(subject, subject.sample[0].to_bytes(), headers={HEADER_LENGTH: "0"}))


def _raw_tensor(subject: Subject) -> Tensor:
    """The single input as a batch of one, where the extension allows a raw request at all."""
    specs = subject.inputs
    if len(specs) != 1 or specs[0].datatype == "BYTES":
        raise NotApplicable("a raw request is for one input of a fixed element size")
    if list(specs[0].shape[1:]).count(-1) > 0 or not subject.is_batched:
        raise NotApplicable("a raw request is for an input whose only variable dimension is the batch")
    return subject.sample[0].row(0)
