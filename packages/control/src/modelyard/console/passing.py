"""What the API sends piece by piece, for pages: logs and events as they come, files, pictures."""

from http import HTTPStatus
from typing import Annotated

from fastapi import Depends
from fastapi.responses import Response
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope, Send

from modelyard.console.addresses import API
from modelyard.console.api import Api
from modelyard.console.policy import HARMLESS
from modelyard.http.guard import Requires
from modelyard.http.known_queries import passes_query_on
from modelyard.http.routing import APIRouter
from modelyard.principals import Permission, Principal

_POLICY = "content-security-policy"
_EVENTS = "text/event-stream"
_PICTURE = "image/svg+xml"
_PASSED_ON = ("api/", "mlops/")
_FORBIDDEN = ("set-cookie", "access-control-allow-origin")


class PassedThrough(Response):
    """Answers with what the API sends at a path, made harmless.

    Args:
        is_framed: whether a page of the console frames it; the API must have sandboxed it itself.
    """

    def __init__(self, path: str, *, is_framed: bool = False) -> None:
        super().__init__()
        self._path = path
        self._is_framed = is_framed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_harmless(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": list(message["headers"])}
                _make_harmless(MutableHeaders(scope=message), is_framed=self._is_framed)
            await send(message)

        await Api(scope).pass_through(self._path, receive, send_harmless)


def _make_harmless(headers: MutableHeaders, *, is_framed: bool) -> None:
    own = headers.get(_POLICY, "")
    for name in _FORBIDDEN:
        if name in headers:
            del headers[name]
    for name, value in HARMLESS.items():
        headers[name] = value
    if is_framed and own.startswith("sandbox;"):
        headers[_POLICY] = own.replace("frame-ancestors 'none'", "frame-ancestors 'self'")
        return
    media_type = headers.get("content-type", "").partition(";")[0]
    if media_type not in {_EVENTS, _PICTURE, "text/plain", "application/json"} and "content-disposition" not in headers:
        headers["Content-Disposition"] = "attachment"


def passing_routes() -> APIRouter:
    """GETs of the API below `/console/api`, for whoever has a session."""
    router = APIRouter(include_in_schema=False)

    @router.get(f"{API}/{{path:path}}", dependencies=[Depends(passes_query_on)])
    async def pass_on(path: str, caller: Annotated[Principal, Depends(Requires(Permission.IDENTITY_READ))]) -> Response:
        del caller  # The scope has it.
        if not path.startswith(_PASSED_ON):
            raise HTTPException(HTTPStatus.NOT_FOUND)
        return PassedThrough(f"/{path}")

    return router
