"""Responses in JSON that can be cached, and the port of what makes them without the framework's routing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson
from fastapi import Response

from modelyard.http.revision import set_etag
from modelyard.principals import Principal


@dataclass(frozen=True, slots=True)
class CachedResponse:
    """The body of a response of 200 in JSON, and the revision of the one thing that it describes."""

    body: bytes
    revision: int | None = None
    change_number: int | None = field(default=None, compare=False)
    """The number of changes in the very state of the database that the body was made from; None if it is not known."""

    @classmethod
    def of(
        cls, content: Mapping[str, Any], revision: int | None = None, *, change_number: int | None = None
    ) -> "CachedResponse":
        """The same bytes, and so the same ETag, as when a schema serializes them."""
        return cls(orjson.dumps(content, option=orjson.OPT_UTC_Z), revision, change_number)

    def response(self) -> Response:
        """As a route returns it."""
        response = Response(self.body, media_type="application/json")
        if self.revision is not None:
            set_etag(response, self.revision)
        return response


class FastPath(Protocol):
    """Answers some GET requests exactly as their route would, without the framework's routing and its dependencies.

    All else is left to the route, which knows every parameter and every error.
    """

    async def __call__(self, caller: Principal, path: str, query: bytes) -> CachedResponse | None:
        """The response of 200, made of tables that are not volatile and of nothing else; None: ask the route.

        Raises:
            ModelyardError: the route will raise it too, and have it answered.
        """


async def no_fast_path(caller: Principal, path: str, query: bytes) -> CachedResponse | None:  # noqa: ARG001 - a port's shape
    """Leaves all requests to their routes."""
    return None
