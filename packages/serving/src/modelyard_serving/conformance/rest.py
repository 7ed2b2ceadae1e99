"""Requests of the protocol over REST, JSON and binary, and what comes back; and what is to be expected of an answer."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from modelyard_serving.conformance.http import Body, Response
from modelyard_serving.conformance.rules import NotApplicable, Violation
from modelyard_serving.conformance.subject import Subject
from modelyard_serving.conformance.tensors import Tensor, from_bytes, from_json

HEADER_LENGTH = "Inference-Header-Content-Length"
JSON_TYPE = {"Content-Type": "application/json"}


def request(subject: Subject, **fields: Any) -> dict[str, Any]:
    """A valid JSON request, to be spoilt by the caller as wanted."""
    return {**fields, "inputs": [tensor.to_json() for tensor in subject.sample]}


def infer(
    subject: Subject, body: Body | dict[str, Any], *, headers: Mapping[str, str] | None = None, **where: Any
) -> Response:
    """POST …/infer; a dict is sent as JSON. `where` may name another `model` or `version`."""
    if isinstance(body, dict):
        body = json.dumps(body).encode()
    return subject.http.post(subject.path("/infer", **where), body, headers=JSON_TYPE if headers is None else headers)


def infer_outputs(subject: Subject, body: Body | dict[str, Any], **options: Any) -> list[Tensor]:
    """The outputs of a request that must be answered."""
    return outputs(succeeded(infer(subject, body, **options)))


def binary_body(head: Mapping[str, Any], blobs: Sequence[bytes] = ()) -> tuple[bytes, dict[str, str]]:
    """A body of JSON and blobs, and the one header that it needs; as tritonclient, no content type."""
    encoded = json.dumps(head).encode()
    return b"".join([encoded, *blobs]), {HEADER_LENGTH: str(len(encoded))}


def binary_tensor(tensor: Tensor) -> tuple[dict[str, Any], bytes]:
    """An input whose elements follow the JSON."""
    blob = tensor.to_bytes()
    head = {"name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.shape)}
    return {**head, "parameters": {"binary_data_size": len(blob)}}, blob


def binary_request(subject: Subject, **fields: Any) -> tuple[dict[str, Any], list[bytes]]:
    """A valid request with every input as bytes; only given when the server answers it."""
    body, headers = binary_body(*unverified_binary_request(subject))
    status = infer(subject, body, headers=headers).status
    if status != 200:
        raise NotApplicable(f"the plain binary request was not answered: status {status}")
    return unverified_binary_request(subject, **fields)


def unverified_binary_request(subject: Subject, **fields: Any) -> tuple[dict[str, Any], list[bytes]]:
    """A request with every input as bytes that ought to be valid: its JSON part and its blobs."""
    pairs = [binary_tensor(tensor) for tensor in subject.sample]
    return {**fields, "inputs": [head for head, _ in pairs]}, [blob for _, blob in pairs]


def outputs(response: Response) -> list[Tensor]:
    """The outputs of an answer, JSON or binary or both. Raises Violation where the answer is not well-formed."""
    head, blobs = split(response)
    listed = head.get("outputs")
    if not isinstance(listed, list):
        raise Violation(f"outputs must be a list, {listed!r} came")
    tensors: list[Tensor] = []
    for tensor in listed:
        size = binary_size(tensor)
        if size is None:
            tensors.append(from_json(tensor))
            continue
        tensors.append(from_bytes(tensor, blobs[:size]))
        blobs = blobs[size:]
    if blobs:
        raise Violation(f"{len(blobs)} bytes follow the last output")
    return tensors


def split(response: Response) -> tuple[dict[str, Any], bytes]:
    """The JSON part of an answer, and the bytes behind it."""
    length = response.headers.get(HEADER_LENGTH.lower())
    if length is None:
        return response.object(), b""
    if not length.isdigit() or int(length) > len(response.body):
        raise Violation(f"{HEADER_LENGTH} is {length!r}, the body has {len(response.body)} bytes")
    return Response(response.status, {}, response.body[: int(length)]).object(), response.body[int(length) :]


def binary_size(tensor: Any) -> int | None:
    """The `binary_data_size` of an output, if it has one."""
    parameters = tensor.get("parameters") if isinstance(tensor, dict) else None
    size = parameters.get("binary_data_size") if isinstance(parameters, dict) else None
    if size is not None and (type(size) is not int or size < 0):
        raise Violation(f"binary_data_size must be an integer >= 0, {size!r} came")
    return size


def succeeded(response: Response) -> Response:
    """Raise Violation unless the status is 200."""
    if response.status != 200:
        raise Violation(f"expected 200, {response.status} came")
    return response


def refused(response: Response, *, status: int | None = None) -> Response:
    """Raise Violation unless the answer is an error, or the very status.

    The protocol asks for "an HTTP error status (typically 400)"; that it be a client error is a rule of its own.
    """
    if status is not None and response.status != status:
        raise Violation(f"expected {status}, {response.status} came")
    if response.status < 400:
        raise Violation(f"expected an error, {response.status} came")
    return response


def is_client_error(response: Response) -> Response:
    """Raise Violation unless the answer says that the request was wrong, not the server."""
    if not 400 <= response.status < 500:
        raise Violation(f"expected a 4xx answer, {response.status} came")
    return response


def supported(response: Response) -> Response:
    """Raise NotApplicable where the server keeps an extension for itself; else as `succeeded`."""
    if response.status in {401, 403}:
        raise NotApplicable(f"the server restricts this extension: {response.status} came")
    return succeeded(response)


def not_broken(response: Response) -> Response:
    """Raise Violation for a server error: where the protocol leaves the choice, 200 and 4xx are both right."""
    if response.status != 200 and not 400 <= response.status < 500:
        raise Violation(f"expected 200 or a 4xx answer, {response.status} came")
    return response


def error_object(response: Response) -> Response:
    """Raise Violation unless the body is the protocol's error: JSON, an object, with a string `error`."""
    kind = response.headers.get("content-type", "")
    if not kind.startswith("application/json"):
        raise Violation(f"expected Content-Type application/json, {kind or 'none'!r} came with {response.status}")
    message = response.object().get("error")
    if not isinstance(message, str) or not message:
        raise Violation(f"expected a string 'error', {message!r} came with {response.status}")
    return response
