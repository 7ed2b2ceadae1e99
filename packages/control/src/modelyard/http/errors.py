"""The one table from kinds of errors to HTTP statuses, and the one body that every error has."""

from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from modelyard.errors import Kind, ModelyardError
from modelyard.http.middleware.request_id import request_id_of

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
}
_INTERNAL = "an internal error; the log has the details under this request's id"
_GOT_LENGTH = 80


def error_body(error: ModelyardError, *, request_id: str | None) -> dict[str, Any]:
    """`error` (a sentence), `code`, and `field` and `request_id` where there are any."""
    is_ours = error.kind is Kind.INTERNAL
    body: dict[str, Any] = {"error": _INTERNAL if is_ours else error.message, "code": error.code}
    if error.field is not None:
        body["field"] = error.field
    if request_id is not None:
        body["request_id"] = request_id
    return body


def error_response(error: ModelyardError, *, request_id: str | None) -> JSONResponse:
    """The answer for an error."""
    headers = {"WWW-Authenticate": "Bearer"} if error.kind is Kind.UNAUTHENTICATED else None
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
        code = {404: "not_found", 405: "method_not_allowed"}.get(exc.status_code, "request_refused")
        message = f"{request.method} {request.url.path}: {str(exc.detail).lower()}"
        body = error_body(
            ModelyardError(message, code=code, kind=Kind.NOT_FOUND), request_id=request_id_of(request.scope)
        )
        return JSONResponse(body, exc.status_code, headers=exc.headers)

    def on_anything(request: Request, exc: Exception) -> JSONResponse:
        logger.error("a request broke", path=request.url.path, exc_info=exc)
        error = ModelyardError(_INTERNAL, code="internal_error")
        return error_response(error, request_id=request_id_of(request.scope))

    app.add_exception_handler(ModelyardError, on_modelyard_error)
    app.add_exception_handler(RequestValidationError, on_validation_error)
    app.add_exception_handler(HTTPException, on_http_exception)
    app.add_exception_handler(Exception, on_anything)


def _invalid(exc: RequestValidationError) -> ModelyardError:
    """The first of pydantic's findings, in our words: field, what was expected, what came."""
    finding = exc.errors()[0]
    where = [str(part) for part in finding["loc"] if part not in ("body", "query", "path", "header")]
    field = ".".join(where) or "body"
    got = repr(finding.get("input"))
    shown = got if len(got) <= _GOT_LENGTH else got[:_GOT_LENGTH] + "…"
    said = finding["msg"][0].lower() + finding["msg"][1:]
    tail = "" if finding["type"] in ("missing", "json_invalid") else f", got {shown}"
    return ModelyardError(f"{field}: {said}{tail}", code="request_invalid", field=field, kind=Kind.INVALID)
