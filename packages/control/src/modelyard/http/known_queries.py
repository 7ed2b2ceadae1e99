"""Refuses parameters of a query that a route does not know, as an unknown field of a body is refused (law 11)."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, get_origin
from urllib.parse import parse_qsl

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from modelyard.errors import Invalid

_SHOWN = 80


async def passes_query_on() -> None:
    """A dependency of a route that hands its query on: whoever answers it looks at what is there."""


class KnownQueries:
    """A dependency of every route, which looks at what the route of a request takes."""

    def __init__(self) -> None:
        self._known: dict[Callable[..., Any], Mapping[str, bool] | None] = {}

    async def __call__(self, request: Request) -> None:
        """Look at the query.

        Raises:
            Invalid: code `query_unknown` or `query_repeated`.
        """
        if not request.url.query:
            return
        known = self._known_to(request.scope["route"])
        if known is None:
            return
        seen = set()
        for name, _ in parse_qsl(request.url.query, keep_blank_values=True):
            if name not in known:
                said = f"expected one of {', '.join(sorted(known))}" if known else "this call takes none"
                raise Invalid(
                    f"query: {said}, got {name[:_SHOWN]!r}", code="query_unknown", field=name[:_SHOWN] or "query"
                )
            if name in seen and not known[name]:
                raise Invalid(f"{name}: expected it once, got it several times", code="query_repeated", field=name)
            seen.add(name)

    def _known_to(self, route: APIRoute) -> Mapping[str, bool] | None:
        """The parameters that a route takes; None if whoever answers its query looks at it."""
        if route.endpoint not in self._known:
            is_open = any(one.call is passes_query_on for one in route.dependant.dependencies)
            self._known[route.endpoint] = None if is_open else dict(parameters_of(route.dependant))
        return self._known[route.endpoint]


def parameters_of(dependant: Dependant) -> Iterator[tuple[str, bool]]:
    """The parameters of a query that a route takes, each with whether it may be repeated."""
    for parameter in dependant.query_params:
        annotation = parameter.field_info.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield from ((field.alias or name, _is_list(field)) for name, field in annotation.model_fields.items())
        else:
            yield parameter.alias, _is_list(parameter.field_info)
    for dependency in dependant.dependencies:
        yield from parameters_of(dependency)


def _is_list(field: FieldInfo) -> bool:
    return get_origin(field.annotation) is list
