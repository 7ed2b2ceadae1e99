"""Errors over gRPC: the table from kinds to status codes, and the header blocks that carry them."""

import logging
import re
import secrets
from enum import IntEnum
from typing import Any
from urllib.parse import quote

from modelyard_serving.errors import Kind, ServingError
from modelyard_serving.grpc.http2.headers import Headers, write_headers, write_trailers
from modelyard_serving.model_header import MISDIRECTED_HEADER, VERSION_HEADER

MESSAGE_LENGTH = 6000
"""Clients give up at headers of 8 KB."""
_CONTENT_TYPE = (b"content-type", b"application/grpc")
_PRINTABLE = "".join(map(chr, range(0x20, 0x7F))).replace("%", "")
REQUEST_ID = "x-request-id"
_log = logging.getLogger(__name__)


class Code(IntEnum):
    """The status codes of gRPC that we send."""

    OK = 0
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14


CODES: dict[Kind, Code] = {
    Kind.INVALID: Code.INVALID_ARGUMENT,
    Kind.FORBIDDEN: Code.PERMISSION_DENIED,
    Kind.NOT_FOUND: Code.NOT_FOUND,
    Kind.MISDIRECTED: Code.UNAVAILABLE,
    Kind.METHOD_NOT_ALLOWED: Code.UNIMPLEMENTED,
    Kind.CONFLICT: Code.FAILED_PRECONDITION,
    Kind.TOO_LARGE: Code.RESOURCE_EXHAUSTED,
    Kind.UNSUPPORTED: Code.UNIMPLEMENTED,
    Kind.BUSY: Code.UNAVAILABLE,
    Kind.UNAVAILABLE: Code.UNAVAILABLE,
    Kind.TIMEOUT: Code.DEADLINE_EXCEEDED,
    Kind.INTERNAL: Code.INTERNAL,
}

OK_TRAILERS = write_trailers([(b"grpc-status", b"0")])
NOT_GRPC = write_headers([], status=415)
NOT_POST = write_headers([(b"allow", b"POST")], status=405)


class ResponseHeads:
    """The header blocks that answers begin with, made once.

    Args:
        version: of the model that answers; None where none does.
    """

    def __init__(self, version: str | None = None) -> None:
        said = [] if version is None else [(VERSION_HEADER.encode(), version.encode("latin-1", "replace"))]
        self._first = [_CONTENT_TYPE, *said]
        self.plain = write_headers(self._first)
        self.compressed = {
            name: write_headers([_CONTENT_TYPE, (b"grpc-encoding", name), *said]) for name in (b"gzip", b"deflate")
        }

    def failure(self, error: BaseException, metadata: "Metadata") -> bytes:
        """The header block that is the whole answer of a failed call."""
        return write_headers([*self._first, *_status(error, metadata)])


def failure_trailers(error: BaseException, metadata: "Metadata") -> bytes:
    """The header block that ends a failed call whose answer is begun."""
    return write_trailers(_status(error, metadata))


def _status(error: BaseException, metadata: "Metadata") -> list[tuple[bytes, bytes]]:
    code, message = describe_error(error, metadata)
    headers = [(b"grpc-status", b"%d" % code), (b"grpc-message", percent_encoded(message))]
    if isinstance(error, ServingError) and error.kind is Kind.MISDIRECTED:
        headers.append((MISDIRECTED_HEADER.encode(), b"1"))
    return headers


def describe_error(error: BaseException, metadata: "Metadata") -> tuple[Code, str]:
    """Code and message of an error. A fault of the server or the model is logged under a request id, and the caller
    gets only that id."""
    if isinstance(error, ServingError) and error.kind is not Kind.INTERNAL:
        return CODES[error.kind], error.message
    identity = (metadata.get(REQUEST_ID) or secrets.token_hex(8))[:128]
    sentence = error.message if isinstance(error, ServingError) else "the server failed"
    _log.error(
        sentence,
        exc_info=error.__cause__ or error,
        extra={"request_id": identity, "path": metadata.get(":path"), "traceparent": metadata.get("traceparent")},
    )
    return Code.INTERNAL, f"{sentence}; the log says why under request id {identity}"


class Metadata:
    """A call's headers as text, by lower-case name."""

    __slots__ = ("_headers",)

    def __init__(self, headers: Headers) -> None:
        self._headers = headers

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and key.encode() in self._headers

    def get(self, key: str, default: Any = None) -> Any:
        """A header's value."""
        value = self._headers.get(key.encode())
        return default if value is None else value.decode(errors="replace")


def percent_encoded(message: str) -> bytes:
    """A message as gRPC sends it: what is not printable ASCII as percent-encoded UTF-8."""
    whole = quote(message[:MESSAGE_LENGTH], safe=_PRINTABLE)
    return re.sub(r"%.?$", "", whole[:MESSAGE_LENGTH]).encode()
