"""Requests that break servers. Each must be answered or refused, and the server must live on."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

from modelyard_serving.conformance.http import NoResponse
from modelyard_serving.conformance.rest import (
    JSON_TYPE,
    binary_body,
    binary_request,
    infer,
    infer_outputs,
    not_broken,
    outputs,
    refused,
    request,
    succeeded,
)
from modelyard_serving.conformance.rules import Group, NotApplicable, Transport, Violation
from modelyard_serving.conformance.subject import Subject
from modelyard_serving.conformance.tensors import same

group = Group("Robustness", section="robustness", transport=Transport.REST)

CALLERS = 16


def _head(subject: Subject, length: object) -> bytes:
    """The head of an inference request without the empty line that ends it."""
    lines = [
        f"POST {subject.path('/infer')} HTTP/1.1",
        f"Host: {subject.http.authority}",
        "Content-Type: application/json",
        f"Content-Length: {length}",
    ]
    return "".join(f"{line}\r\n" for line in lines).encode()


def _still_serves(subject: Subject) -> None:
    succeeded(subject.http.get("/v2/health/live"))
    infer_outputs(subject, request(subject))


@group.must("N1", "JSON that is nested 250,000 deep is refused, and the server keeps serving")
def deep_json(subject: Subject) -> None:
    deep = "[" * 250_000
    body = subject.plain_body().decode()
    refused(infer(subject, deep.encode()))
    refused(infer(subject, (deep + "]" * 250_000).encode()))
    refused(infer(subject, body.replace('"data": [', f'"data": [{deep}', 1).encode()))
    _still_serves(subject)


@group.must("N2", "JSON objects nested 250,000 deep in a parameter get a response, and the server keeps serving")
def deep_parameter(subject: Subject) -> None:
    deep = '{"a":' * 250_000 + "1" + "}" * 250_000
    body = subject.plain_body().decode()
    infer(subject, f'{{"parameters": {deep}, {body[1:]}'.encode())
    _still_serves(subject)


@group.must("N3", "A chunked body is taken")
def chunked(subject: Subject) -> None:
    body = subject.plain_body()
    outputs(succeeded(infer(subject, iter([body[:10], body[10:]]))))


@group.should("N4", "A body in very many chunks is answered or refused, and the server keeps serving")
def many_chunks(subject: Subject) -> None:
    body = subject.plain_body()

    def pieces() -> Iterator[bytes]:
        yield from (b" " for _ in range(20_000))
        yield from (body[index : index + 1] for index in range(len(body)))

    not_broken(infer(subject, pieces()))
    _still_serves(subject)


@group.must("N5", "A client that announces more bytes than it sends affects no other client")
def truncated_body(subject: Subject) -> None:
    body = subject.plain_body()
    with subject.http.socket() as connection:
        connection.sendall(_head(subject, len(body) * 9) + b"\r\n" + body)
        _still_serves(subject)
    _still_serves(subject)


@group.must("N6", "A Content-Length that is no number is refused, or the connection is closed")
def odd_content_length(subject: Subject) -> None:
    for length in ("abc", "-5"):
        _refuses_length(subject, length)
    _still_serves(subject)


@group.should("N18", "A Content-Length beyond any limit is refused before the body is there")
def absurd_content_length(subject: Subject) -> None:
    for length in (2**50, 2**63, 2**64 + 10):
        _refuses_length(subject, length)
    _still_serves(subject)


def _refuses_length(subject: Subject, length: object) -> None:
    try:
        refused(subject.http.send_bytes(_head(subject, length) + b"\r\n{}"))
    except NoResponse as exc:
        if isinstance(exc.__cause__, TimeoutError):
            raise


@group.must("N7", "A stuck caller on an open connection does not keep others waiting")
def stuck_callers(subject: Subject) -> None:
    connections = [subject.http.socket() for _ in range(CALLERS)]
    try:
        for number, connection in enumerate(connections):
            connection.sendall(_head(subject, 1000) + (b"\r\n{" if number % 2 else b""))
        _still_serves(subject)
    finally:
        for connection in connections:
            connection.close()


@group.must("N8", "A model name that climbs paths, holds a zero byte or is very long is refused")
def odd_names(subject: Subject) -> None:
    for name in ("../../etc/passwd", "..", "a\0b", "\x7f", "m" * 5000, "ß✓", "%2e%2e"):
        refused(subject.http.get(f"/v2/models/{quote(name, safe='')}"))
    _still_serves(subject)


@group.must("N9", "Callers at the same time get their own answers")
def concurrent_requests_stay_separate(subject: Subject) -> None:
    if not subject.is_batched or any(tensor.shape[0] < 2 for tensor in subject.sample):
        raise NotApplicable("the sample is no batch of more than one row")
    bodies = [[tensor.row(index % tensor.shape[0]).to_json() for tensor in subject.sample] for index in range(8)]
    expected = [infer_outputs(subject, {"inputs": inputs}) for inputs in bodies]

    def ask(number: int) -> None:
        index = number % len(bodies)
        body = json.dumps({"id": str(number), "inputs": bodies[index]}).encode()
        response = succeeded(subject.http.post(subject.path("/infer"), body, headers=JSON_TYPE))
        if response.object().get("id") != str(number):
            raise Violation(f"expected the id '{number}', {response.object().get('id')!r} came")
        for left, right in zip(expected[index], outputs(response), strict=True):
            if not same(left, right):
                raise Violation(f"output '{left.name}' is another caller's")

    with ThreadPoolExecutor(CALLERS) as pool:
        for result in [pool.submit(ask, number) for number in range(160)]:
            result.result()


@group.should("N10", "Expect: 100-continue, which curl sends with a large body, is answered")
def expect_continue(subject: Subject) -> None:
    body = subject.plain_body()
    outputs(succeeded(infer(subject, body, headers=JSON_TYPE | {"Expect": "100-continue"})))


@group.should("N11", "Header names in lower case are the same headers")
def lower_case_headers(subject: Subject) -> None:
    outputs(succeeded(infer(subject, subject.plain_body(), headers={"content-type": "application/json"})))


@group.should("N12", "A Content-Type with a charset is JSON too")
def charset(subject: Subject) -> None:
    headers = {"Content-Type": "application/json; charset=utf-8"}
    outputs(succeeded(infer(subject, subject.plain_body(), headers=headers)))


@group.should("N13", "JSON without a Content-Type is taken, as tritonclient sends it")
def no_content_type(subject: Subject) -> None:
    outputs(succeeded(infer(subject, subject.plain_body(), headers={})))


@group.should("N14", "A body of several megabytes is taken")
def large_body(subject: Subject) -> None:
    body = b" " * (8 << 20) + subject.plain_body()
    outputs(succeeded(infer(subject, body)))


@group.must("N15", "A shape that overflows 64 bits, alone or as a product, is refused, and the server keeps serving")
def overflowing_shape(subject: Subject) -> None:
    _refuses_shapes(subject, [[2**60], [2**63], [2**64], [2**64 + 2], [2**32, 2**32]])


@group.must("N16", "A small body that declares a huge tensor is refused, and the server keeps serving")
def small_body_of_a_huge_shape(subject: Subject) -> None:
    _refuses_shapes(subject, [[2**33], [2**40]])


@group.must("N17", "The same of binary data is refused, and the server keeps serving")
def small_blob_of_a_huge_shape(subject: Subject) -> None:
    for first in ([2**40], [2**60], [2**62], [2**64 + 2], [2**32, 2**32]):
        head, blobs = binary_request(subject)
        head["inputs"][0]["shape"][:1] = first
        body, headers = binary_body(head, blobs)
        refused(infer(subject, body, headers=headers))
    _still_serves(subject)


def _refuses_shapes(subject: Subject, firsts: list[list[int]]) -> None:
    """The valid request with the batch of its first input replaced is refused."""
    for first in firsts:
        body = request(subject)
        body["inputs"][0]["shape"][:1] = first
        refused(infer(subject, body))
    _still_serves(subject)
