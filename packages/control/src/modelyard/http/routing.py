"""Routes that FastAPI reads when they are first needed, so that an application starts without reading hundreds.

To read a route is to look at its endpoint's parameters and to compile a validator for each, about a millisecond. A
request reads the route that answers it; the description of the API reads all of them.
"""

from collections.abc import Callable, Iterable
from threading import RLock
from typing import Any

from fastapi import routing
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, compile_path, get_name

_reading = RLock()


class Route(APIRoute):
    """A route of which only what a request is matched by is there from the beginning.

    `__getattr__` is called for what is not there: then FastAPI reads the endpoint.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        self.path, self.endpoint, self.options = path, endpoint, options
        self.path_regex, self.path_format, self.param_convertors = compile_path(path)
        self.methods = {method.upper() for method in options.get("methods") or ("GET",)}
        self.name = options.get("name") or get_name(endpoint)
        self.include_in_schema = options.get("include_in_schema", True)
        self.dependencies = list(options.get("dependencies") or ())
        self._is_read = False

    def __getattr__(self, name: str) -> Any:
        with _reading:
            if not vars(self).get("_is_read", True):
                self._is_read = True
                super().__init__(self.path, self.endpoint, **self.options)
        if name not in vars(self):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return vars(self)[name]


class APIRouter(routing.APIRouter):
    """FastAPI's router, with routes of this module."""

    def __init__(self, *, route_class: type[Route] = Route, **options: Any) -> None:
        super().__init__(route_class=route_class, **options)


def add_routes(router: routing.APIRouter, routes: Iterable[BaseRoute]) -> None:
    """Add routes to a router as if they had been declared on it.

    FastAPI's `include_router` reads all routes of a router, once more, when the first request comes to one of them.

    Raises:
        TypeError: a route is not of this module.
    """
    for route in routes:
        if not isinstance(route, Route):
            raise TypeError(f"expected a route of {APIRouter.__module__}.{APIRouter.__name__}, got {route!r}")
        options = {name: value for name, value in route.options.items() if name != "dependency_overrides_provider"}
        router.add_api_route(route.path, route.endpoint, **options, route_class_override=type(route))
