"""Answers in JSON that are told at once: made without a route, for the few questions that are asked all day."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson
from fastapi import Response

from modelyard.http.revision import set_etag
from modelyard.principals import Principal


@dataclass(frozen=True, slots=True)
class Told:
    """An answer in JSON, and the revision of the one thing that it tells of."""

    body: bytes
    revision: int | None = None
    changes: int | None = field(default=None, compare=False)
    """How many changes the database had counted in the very state that is told; None if that is not known."""

    @classmethod
    def of(cls, answer: Mapping[str, Any], revision: int | None = None, *, changes: int | None = None) -> "Told":
        """The same bytes, and so the same ETag, as when a schema writes them."""
        return cls(orjson.dumps(answer, option=orjson.OPT_UTC_Z), revision, changes)

    def response(self) -> Response:
        """What a route answers."""
        response = Response(self.body, media_type="application/json")
        if self.revision is not None:
            set_etag(response, self.revision)
        return response


class TellsAtOnce(Protocol):
    """Answers what it can answer, exactly as the route would, to a caller who may ask the route.

    All else is left to the route: it knows every parameter, and what to say of a question that is wrong.
    """

    async def __call__(self, caller: Principal, path: str, query: bytes) -> Told | None:
        """The answer of 200 to a GET. It tells of tables that are not volatile, and of nothing else. Never raises."""


async def nothing_at_once(caller: Principal, path: str, query: bytes) -> Told | None:  # noqa: ARG001 - a port's shape
    """All questions are the routes'."""
    return None
