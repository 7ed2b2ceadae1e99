"""An HTTP request and response as the application sees them, whatever server is under it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson

JSON = ("content-type", "application/json")
Headers = list[tuple[str, str]]


class HeaderMap(Protocol):
    """Headers by lower-case name; a `dict` is one."""

    def get(self, key: str, default: Any = None) -> Any: ...

    def __contains__(self, key: object) -> bool: ...


@dataclass(slots=True)
class Request:
    """A request with its whole body."""

    method: str
    path: str
    headers: HeaderMap
    body: bytes = b""
    query: str = ""


JSON_ONLY: Headers = [JSON]
"""The headers of a response that needs no others. It is shared: add to a list of your own."""


@dataclass(slots=True)
class Response:
    """A response with its whole body."""

    status: int
    body: bytes = b""
    headers: Headers = field(default_factory=lambda: JSON_ONLY)


HandlerResult = Response | Awaitable[Response]
Handler = Callable[[Request], HandlerResult]


def json_response(content: Any, *, status: int = 200) -> Response:
    return Response(status, orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY))
