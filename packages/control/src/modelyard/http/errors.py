"""The one table from kinds of errors to HTTP statuses, and the one body that every error has."""

import math
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from modelyard.disk import is_about_space
from modelyard.errors import Busy, DiskFull, Invalid, Kind, ModelyardError
from modelyard.findings import finding_of
from modelyard.http.request_ids import request_id_of
from modelyard.plain import plain_text

logger = structlog.get_logger()

STATUS: dict[Kind, int] = {
    Kind.INVALID: 400,
    Kind.UNAUTHENTICATED: 401,
    Kind.FORBIDDEN: 403,
    Kind.NOT_FOUND: 404,
    Kind.CONFLICT: 409,
    Kind.PRECONDITION: 412,
    Kind.TOO_LARGE: 413,
    Kind.BUSY: 429,
    Kind.INTERNAL: 500,
    Kind.UNAVAILABLE: 503,
    Kind.DISK_FULL: 507,
}
_INTERNAL = "an internal error; the log has the details under this request's id"
_FIELD_LENGTH = 200
_LENGTH = 1000
_CODES = {400: "request_invalid", 404: "not_found", 405: "method_not_allowed", 413: "body_too_large"}


class ErrorBody(BaseModel):
    """What every error says."""

    error: str = Field(description="one sentence: the field, what was expected, what came")
    code: str = Field(description="stable, for programs")
    field: str | None = Field(default=None, description="the field of the request that is at fault, dotted")
    request_id: str | None = Field(default=None, description="to be found again in the log")


ERRORS: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": ErrorBody, "description": "The request cannot be answered as it is"},
    "5XX": {"model": ErrorBody, "description": "Not the request's fault"},
}
"""Of every route, for the API's document."""


def error_body(error: ModelyardError, *, request_id: str | None) -> dict[str, Any]:
    """`error` (a sentence), `code`, and `field` and `request_id` where there are any."""
    is_ours = error.kind is Kind.INTERNAL
    body = {"error": _INTERNAL if is_ours else _cut(plain_text(error.message), _LENGTH), "code": error.code}
    if error.field is not None:
        body["field"] = _cut(plain_text(error.field), _FIELD_LENGTH)
    if request_id is not None:
        body["request_id"] = request_id
    return body


def error_response(error: ModelyardError, *, request_id: str | None) -> JSONResponse:
    """The answer for an error."""
    headers = {"WWW-Authenticate": "Bearer"} if error.kind is Kind.UNAUTHENTICATED else {}
    if request_id is not None:
        # Starlette answers what nobody expected from outside of every middleware, so the id is added here too.
        headers["X-Request-Id"] = request_id
    if isinstance(error, Busy):
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after_seconds)))
    return JSONResponse(error_body(error, request_id=request_id), STATUS[error.kind], headers=headers)


def add_error_handlers(app: FastAPI) -> None:
    """Give every way to fail the same body."""

    def on_modelyard_error(request: Request, exc: Exception) -> JSONResponse:
        if not isinstance(exc, ModelyardError):
            raise exc
        if exc.kind is Kind.INTERNAL:
            logger.error("a request failed", error=exc.message, code=exc.code)
        return error_response(exc, request_id=request_id_of(request.scope))

    def on_validation_error(request: Request, exc: Exception) -> JSONResponse:
        if not isinstance(exc, RequestValidationError):
            raise exc
        return error_response(_invalid(exc), request_id=request_id_of(request.scope))

    def on_http_exception(request: Request, exc: Exception) -> JSONResponse:
        if not isinstance(exc, HTTPException):
            raise exc
        code = _CODES.get(exc.status_code, "request_refused")
        message = f"{request.method} {request.url.path}: {str(exc.detail).lower()}"
        body = error_body(
            ModelyardError(message, code=code, kind=Kind.NOT_FOUND), request_id=request_id_of(request.scope)
        )
        headers = {"Allow": _allowed(request)} if exc.status_code == HTTPStatus.METHOD_NOT_ALLOWED else exc.headers
        return JSONResponse(body, exc.status_code, headers=headers)

    def on_anything(request: Request, exc: Exception) -> JSONResponse:
        logger.error("a request broke", path=request.url.path, exc_info=exc)
        error = ModelyardError(_INTERNAL, code="internal_error")
        return error_response(error, request_id=request_id_of(request.scope))

    app.add_exception_handler(ModelyardError, on_modelyard_error)
    app.add_exception_handler(RequestValidationError, on_validation_error)
    app.add_exception_handler(HTTPException, on_http_exception)
    app.add_exception_handler(OSError, _on_os_error)
    app.add_exception_handler(Exception, on_anything)


def _on_os_error(request: Request, exc: Exception) -> JSONResponse:
    if not is_about_space(exc):
        raise exc
    logger.error("a request found the disk full", path=request.url.path, exc_info=exc)
    error = DiskFull("disk full: this needs more than there is")
    return error_response(error, request_id=request_id_of(request.scope))


def _allowed(request: Request) -> str:
    """All methods of the path: each is a route of its own, and the router names only those of the first."""
    path = request.scope["path"]
    matching = [context for context in iter_route_contexts(request.app.routes) if context.path_regex.match(path)]
    literal = [context for context in matching if context.path == path]
    return ", ".join(sorted(set().union(*(context.methods or set() for context in literal or matching))))


def _invalid(exc: RequestValidationError) -> ModelyardError:
    """The first of pydantic's findings, in our words: field, what was expected, what came."""
    finding = exc.errors()[0]
    if finding["type"] == "json_invalid":
        said = f"expected JSON, got something that is malformed at character {finding['loc'][-1]}"
        return Invalid(f"body: {said}", code="request_invalid", field="body")
    place, *where = finding["loc"]
    found = finding_of({**finding, "loc": where or [place]})
    got = "" if found.got is None else f", got {found.got}"
    return Invalid(f"{_cut(found.field, _FIELD_LENGTH)}: {found.said}{got}", code="request_invalid", field=found.field)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
