"""What Azure's resource manager refuses a request with, as errors of ours."""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from modelyard.errors import Conflict, Invalid, ModelyardError, NotFound, Precondition, Unavailable

_SHOWN = 600
_SERVERS_FAULT = HTTPStatus.INTERNAL_SERVER_ERROR
_Error = tuple[type[ModelyardError], str, str]
_REFUSED: _Error = (Invalid, "apim_refused", "Azure refuses it")
_UNAVAILABLE: _Error = (Unavailable, "apim_unavailable", "Azure cannot answer now")
_FORBIDDEN: _Error = (Conflict, "apim_forbidden", "Azure does not let the control plane do this")
_ERRORS: Mapping[int, _Error] = {
    HTTPStatus.UNAUTHORIZED: _FORBIDDEN,
    HTTPStatus.FORBIDDEN: _FORBIDDEN,
    HTTPStatus.NOT_FOUND: (NotFound, "apim_resource_not_found", "Azure does not have it"),
    HTTPStatus.CONFLICT: (Conflict, "apim_busy", "Azure does something else with it"),
    HTTPStatus.PRECONDITION_FAILED: (
        Precondition,
        "apim_resource_changed",
        "somebody else has changed it at Azure meanwhile",
    ),
    HTTPStatus.TOO_MANY_REQUESTS: (Unavailable, "apim_unavailable", "Azure asks to be asked later"),
}


def error_of(status: int, body: Mapping[str, Any]) -> ModelyardError:
    """The error that a response is. Azure's own sentence is quoted, which names fields, and no value of a header."""
    kind, code, sentence = _ERRORS.get(status, _UNAVAILABLE if status >= _SERVERS_FAULT else _REFUSED)
    return kind(f"{sentence}: {reason_of(body) or f'HTTP {status}'}", code=code)


def reason_of(body: Mapping[str, Any]) -> str:
    """Azure's sentence, with what it says of single fields; empty where there is none."""
    error = body.get("error", body)
    if not isinstance(error, Mapping):
        return ""
    message = str(error.get("message") or error.get("code") or "").strip()
    details = "; ".join(_details(error.get("details")))
    return (f"{message} {details}".strip() if details else message)[:_SHOWN]


def _details(details: Any) -> Iterator[str]:
    for detail in details if isinstance(details, list) else ():
        if isinstance(detail, Mapping) and (message := str(detail.get("message") or "").strip()):
            target = detail.get("target")
            yield f"{target}: {message}" if target else message
