"""How errors look over HTTP: the one table from kinds to statuses, and the one body."""

import logging

import orjson

from modelyard_serving.errors import Kind, ServingError
from modelyard_serving.http.exchange import JSON, Headers, Response

STATUS: dict[Kind, int] = {
    Kind.INVALID: 400,
    Kind.NOT_FOUND: 404,
    Kind.METHOD_NOT_ALLOWED: 405,
    Kind.TOO_LARGE: 413,
    Kind.UNSUPPORTED: 415,
    Kind.BUSY: 503,
    Kind.UNAVAILABLE: 503,
    Kind.TIMEOUT: 504,
    Kind.INTERNAL: 500,
}
RETRY_AFTER_S = 1
_log = logging.getLogger(__name__)


def error_response(error: BaseException) -> Response:
    """The answer to a failed request. An error that is not ours is a 500 whose text stays in the log."""
    if isinstance(error, ServingError):
        headers: Headers = [JSON]
        if error.kind in (Kind.BUSY, Kind.UNAVAILABLE):
            headers.append(("retry-after", str(RETRY_AFTER_S)))
        return Response(STATUS[error.kind], orjson.dumps({"error": error.message}), headers)
    _log.error("a request failed by a fault of the server", exc_info=error)
    return Response(500, orjson.dumps({"error": "internal error"}))
