"""Compressed requests and answers, which the stock client offers as an option."""

import gzip
import json
import struct
import zlib

from modelyard_serving.conformance.http import Response
from modelyard_serving.conformance.rest import JSON_TYPE, infer, infer_outputs, outputs, refused, request, succeeded
from modelyard_serving.conformance.rules import Group, NotApplicable, Transport, Violation
from modelyard_serving.conformance.subject import Subject
from modelyard_serving.conformance.tensors import Tensor, same

group = Group("Compression", section="binary tensor data extension", transport=Transport.BINARY)

BOMB_SIZE = 1 << 30


def _post(subject: Subject, body: bytes, encoding: str) -> Response:
    return infer(subject, body, headers=JSON_TYPE | {"Content-Encoding": encoding})


def _as_plain(subject: Subject, actual: list[Tensor]) -> None:
    for left, right in zip(infer_outputs(subject, request(subject)), actual, strict=True):
        if not same(left, right):
            raise Violation(f"output '{left.name}' differs from that of the plain request")


def _check_compressed_response(subject: Subject, encoding: str) -> None:
    response = succeeded(infer(subject, _large_body(subject), headers=JSON_TYPE | {"Accept-Encoding": encoding}))
    actual = response.headers.get("content-encoding")
    if actual != encoding:
        raise Violation(f"expected Content-Encoding {encoding}, {actual or 'none'} came")
    body = gzip.decompress(response.body) if encoding == "gzip" else zlib.decompress(response.body)
    outputs(Response(response.status, {}, body))


def _large_body(subject: Subject) -> bytes:
    """A request whose answer is worth compressing."""
    if not subject.is_batched:
        return subject.plain_body()
    return json.dumps({"inputs": [tensor.with_rows(2000).to_json() for tensor in subject.sample]}).encode()


@group.should("B6a", "A gzip request is taken")
def gzip_request(subject: Subject) -> None:
    _as_plain(subject, outputs(succeeded(_post(subject, gzip.compress(subject.plain_body()), "gzip"))))


@group.should("B6b", "A deflate request is taken")
def deflate_request(subject: Subject) -> None:
    _as_plain(subject, outputs(succeeded(_post(subject, zlib.compress(subject.plain_body()), "deflate"))))


@group.should("B6c", "Accept-Encoding: gzip is answered so")
def gzip_response(subject: Subject) -> None:
    _check_compressed_response(subject, "gzip")


@group.should("B6d", "Accept-Encoding: deflate is answered so")
def deflate_response(subject: Subject) -> None:
    _check_compressed_response(subject, "deflate")


@group.must("B6e", "An unknown Content-Encoding is refused")
def unknown_encoding(subject: Subject) -> None:
    refused(_post(subject, subject.plain_body(), "modelyard"))


@group.must("B6f", "A body that is not what its Content-Encoding says, or is cut, is refused")
def corrupt_body(subject: Subject) -> None:
    whole = _gzip_body(subject)
    for body in (b"no gzip at all", whole[:-9], whole[:12]):
        refused(_post(subject, body, "gzip"))


@group.should("B6g", "A small body that unpacks to a gigabyte is refused, and the server keeps serving")
def bomb(subject: Subject) -> None:
    _gzip_body(subject)
    refused(_post(subject, _bomb(), "gzip"))
    succeeded(subject.http.get("/v2/health/live"))


def _gzip_body(subject: Subject) -> bytes:
    """A valid gzip request; only given when the server answers it."""
    body = gzip.compress(subject.plain_body())
    status = _post(subject, body, "gzip").status
    if status != 200:
        raise NotApplicable(f"the plain gzip request was not answered: status {status}")
    return body


def _bomb() -> bytes:
    """A valid gzip of a gigabyte of blanks, from one compressed block that is repeated."""
    chunk = b" " * (1 << 20)
    packer = zlib.compressobj(9, wbits=-15)
    block = packer.compress(chunk) + packer.flush(zlib.Z_FULL_FLUSH)
    checksum = 0
    for _ in range(BOMB_SIZE >> 20):
        checksum = zlib.crc32(chunk, checksum)
    head, end = b"\x1f\x8b\x08\0\0\0\0\0\0\xff", b"\x03\0"
    return head + block * (BOMB_SIZE >> 20) + end + struct.pack("<II", checksum, BOMB_SIZE)
