"""One table from HTTP status to exception, and the reading of an error's body."""

from http import HTTPStatus

import httpx

from modelyard_client.errors import (
    Busy,
    Conflict,
    Forbidden,
    Internal,
    Invalid,
    ModelyardError,
    NotFound,
    PreconditionFailed,
    TooLarge,
    Unauthenticated,
    Unavailable,
    UnexpectedAnswer,
)

_NO_SUCH_ROUTE = frozenset({400, 404, 405, 501})
"""What a server answers that does not know what was asked. Ours does so in its own form."""
_BY_STATUS: dict[int, type[ModelyardError]] = {
    400: Invalid,
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    405: Invalid,
    409: Conflict,
    410: NotFound,
    412: PreconditionFailed,
    413: TooLarge,
    415: Invalid,
    421: Conflict,
    422: Invalid,
    429: Busy,
    501: Invalid,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
    507: Unavailable,
}


def refusal(response: httpx.Response) -> ModelyardError:
    """The exception for an answer that is not a success. Its body has been read."""
    error_type = _BY_STATUS.get(response.status_code, Internal)
    body = _body(response)
    if not isinstance(body.get("error"), str) and response.status_code in _NO_SUCH_ROUTE:
        return UnexpectedAnswer(
            f"{_address(response)} answered {_status_line(response)} in a form that is not Modelyard's: "
            "something else listens there",
            code=f"http_{response.status_code}",
            status=response.status_code,
        )
    message = body.get("error")
    return error_type(
        message if isinstance(message, str) else f"{response.url.host} answered {_status_line(response)}",
        code=_text(body, "code") or f"http_{response.status_code}",
        field=_text(body, "field"),
        request_id=_text(body, "request_id"),
        status=response.status_code,
    )


def _address(response: httpx.Response) -> str:
    url = response.request.url
    return f"{url.scheme}://{url.netloc.decode('ascii', errors='replace')}"


def _body(response: httpx.Response) -> dict[str, object]:
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _text(body: dict[str, object], name: str) -> str | None:
    value = body.get(name)
    return value if isinstance(value, str) else None


def _status_line(response: httpx.Response) -> str:
    try:
        return f"{response.status_code} {HTTPStatus(response.status_code).phrase}"
    except ValueError:
        return str(response.status_code)
