"""How errors look over gRPC: the one table from kinds to status codes, and the header blocks that tell them."""

import logging
from enum import IntEnum
from urllib.parse import quote

from modelyard_serving.errors import Kind, ServingError
from modelyard_serving.grpc.http2.headers import write_headers, write_trailers

MESSAGE_LENGTH = 2000
"""Clients give up at headers of 8 KB; a message may triple when it is quoted."""
_CONTENT_TYPE = (b"content-type", b"application/grpc")
_PRINTABLE = "".join(map(chr, range(0x20, 0x7F))).replace("%", "")
_log = logging.getLogger(__name__)


class Code(IntEnum):
    """The status codes of gRPC that we send."""

    OK = 0
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14


CODES: dict[Kind, Code] = {
    Kind.INVALID: Code.INVALID_ARGUMENT,
    Kind.FORBIDDEN: Code.PERMISSION_DENIED,
    Kind.NOT_FOUND: Code.NOT_FOUND,
    Kind.METHOD_NOT_ALLOWED: Code.UNIMPLEMENTED,
    Kind.TOO_LARGE: Code.RESOURCE_EXHAUSTED,
    Kind.UNSUPPORTED: Code.UNIMPLEMENTED,
    Kind.BUSY: Code.UNAVAILABLE,
    Kind.UNAVAILABLE: Code.UNAVAILABLE,
    Kind.TIMEOUT: Code.DEADLINE_EXCEEDED,
    Kind.INTERNAL: Code.INTERNAL,
}

HEAD = write_headers([_CONTENT_TYPE])
OK_TRAILERS = write_trailers([(b"grpc-status", b"0")])
NOT_GRPC = write_headers([], status=415)
NOT_POST = write_headers([(b"allow", b"POST")], status=405)


def failure(error: BaseException, *, is_begun: bool = False) -> bytes:
    """The header block that ends a failed call, alone or, where the answer is begun, as its trailers."""
    code, message = told(error)
    headers = [(b"grpc-status", b"%d" % code), (b"grpc-message", quoted(message))]
    return write_trailers(headers) if is_begun else write_headers([_CONTENT_TYPE, *headers])


def told(error: BaseException) -> tuple[Code, str]:
    """Code and message of an error. One that is not ours is INTERNAL, and its text stays in the log."""
    if isinstance(error, ServingError):
        if error.kind is Kind.INTERNAL:
            _log.error("a call failed: %s", error.message, exc_info=error.__cause__)
        return CODES[error.kind], error.message
    _log.error("a call failed by a fault of the server", exc_info=error)
    return Code.INTERNAL, "internal error"


def quoted(message: str) -> bytes:
    """A message as gRPC sends it: what is not printable ASCII as percent-encoded UTF-8."""
    return quote(message[:MESSAGE_LENGTH], safe=_PRINTABLE).encode()
