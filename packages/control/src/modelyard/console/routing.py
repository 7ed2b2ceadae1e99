"""Routes of pages: whatever goes wrong on the way to one is a page too."""

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Annotated, Any

import structlog
from fastapi import Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from modelyard.console.api import Api, ApiError
from modelyard.console.rendering import Pages
from modelyard.errors import ModelyardError
from modelyard.http.errors import STATUS
from modelyard.http.guard import Requires
from modelyard.http.routing import APIRouter, Route
from modelyard.principals import Permission

logger = structlog.get_logger()

PAGE_ROWS = 50
"""The rows of a page of a list."""

_INTERNAL = "an internal error; the log has the details under this request's id"
_TITLES = {
    HTTPStatus.FORBIDDEN: "You may not do this",
    HTTPStatus.NOT_FOUND: "There is nothing here",
    HTTPStatus.CONFLICT: "Somebody was faster, or the time is not right",
    HTTPStatus.PRECONDITION_FAILED: "Somebody changed this meanwhile",
    HTTPStatus.SERVICE_UNAVAILABLE: "The platform does not answer just now",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "This is too large",
}
_CODES = {HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "body_too_large"}


def page_router(pages: Pages) -> APIRouter:
    """A router whose routes need a session, are not in the API's document, and fail as pages."""

    class PageRoute(Route):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def handle_or_explain(request: Request) -> Response:
                try:
                    return await handle(request)
                except Exception as exc:  # noqa: BLE001  # Each is shown; what nobody expected is in the log.
                    return explained(pages, request, exc)

            return handle_or_explain

    somebody = Depends(Requires(Permission.IDENTITY_READ))
    return APIRouter(include_in_schema=False, route_class=PageRoute, dependencies=[somebody])


def explained(pages: Pages, request: Request, exc: Exception) -> Response:
    """The page of an error."""
    error = _expected(exc)
    if error is None:
        logger.error("a page broke", path=request.url.path, exc_info=exc)
        error = ApiError(status=HTTPStatus.INTERNAL_SERVER_ERROR, code="internal_error", message=_INTERNAL)
    title = _TITLES.get(HTTPStatus(error.status), "This did not work")
    return pages.render(request, "errors/error.html", {"error": error, "heading": title}, status=error.status)


def as_api_error(exc: ApiError | ModelyardError) -> ApiError:
    """What a form shows, whether the API refused it or the console could not read it."""
    if isinstance(exc, ApiError):
        return exc
    return ApiError(status=STATUS[exc.kind], code=exc.code, message=exc.message, field=exc.field)


def _expected(exc: Exception) -> ApiError | None:
    if isinstance(exc, ApiError | ModelyardError):
        return as_api_error(exc)
    if isinstance(exc, RequestValidationError):
        first = exc.errors()[0]
        field = ".".join(map(str, first["loc"][1:]))
        return ApiError(
            status=HTTPStatus.BAD_REQUEST, code="request_invalid", message=f"{field}: {first['msg']}", field=field
        )
    if isinstance(exc, HTTPException):
        code = _CODES.get(HTTPStatus(exc.status_code), "not_found")
        return ApiError(status=exc.status_code, code=code, message=str(exc.detail).lower())
    return None


def _api(request: Request) -> Api:
    return Api(request.scope)


ApiOf = Annotated[Api, Depends(_api)]
"""The API, as whoever looks at the page has it."""
