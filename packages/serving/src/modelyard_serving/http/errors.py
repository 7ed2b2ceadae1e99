"""Errors over HTTP: the table from kinds to statuses, and the body."""

import logging
import secrets

import orjson

from modelyard_serving.errors import Kind, ServingError
from modelyard_serving.http.coding import SUPPORTED, UnsupportedCoding
from modelyard_serving.http.exchange import JSON, JSON_ONLY, Headers, Request, Response
from modelyard_serving.model_header import MISDIRECTED_HEADER

STATUS: dict[Kind, int] = {
    Kind.INVALID: 400,
    Kind.FORBIDDEN: 403,
    Kind.NOT_FOUND: 404,
    Kind.METHOD_NOT_ALLOWED: 405,
    Kind.CONFLICT: 409,
    Kind.TOO_LARGE: 413,
    Kind.MISDIRECTED: 421,
    Kind.UNSUPPORTED: 415,
    Kind.BUSY: 503,
    Kind.UNAVAILABLE: 503,
    Kind.TIMEOUT: 504,
    Kind.INTERNAL: 500,
}
RETRY_AFTER_S = 1
REQUEST_ID = "x-request-id"
_MAX_MESSAGE_CHARS = 8192
_log = logging.getLogger(__name__)


def error_response(error: BaseException, request: Request | None = None) -> Response:
    """The response to a failed request. A fault of the server or the model is logged under a request id, and the caller
    gets only that id."""
    if not isinstance(error, ServingError) or error.kind is Kind.INTERNAL:
        return _failure(error, request)
    headers: Headers = JSON_ONLY
    if error.kind in (Kind.BUSY, Kind.UNAVAILABLE):
        headers = [JSON, ("retry-after", str(RETRY_AFTER_S))]
    elif error.kind is Kind.MISDIRECTED:
        headers = [JSON, (MISDIRECTED_HEADER, "1")]
    elif isinstance(error, UnsupportedCoding):
        headers = [JSON, ("accept-encoding", SUPPORTED)]
    return Response(STATUS[error.kind], orjson.dumps({"error": _truncated(error.message)}), headers)


def _truncated(message: str) -> str:
    """A message may quote what the caller sent, which may be the whole of a body."""
    return message if len(message) <= _MAX_MESSAGE_CHARS else f"{message[:_MAX_MESSAGE_CHARS]}…"


def _failure(error: BaseException, request: Request | None) -> Response:
    given_id = request.headers.get(REQUEST_ID) if request is not None else None
    identity = given_id[:128] if given_id else secrets.token_hex(8)
    sentence = error.message if isinstance(error, ServingError) else "the server failed"
    _log.error(
        sentence,
        exc_info=error.__cause__ or error,
        extra={
            "request_id": identity,
            "path": request.path if request is not None else None,
            "traceparent": request.headers.get("traceparent") if request is not None else None,
        },
    )
    body = orjson.dumps({"error": f"{sentence}; the log says why under request id {identity}"})
    return Response(STATUS[Kind.INTERNAL], body, [JSON] if given_id else [JSON, (REQUEST_ID, identity)])
