"""The routes of the management API; those of the console's pages have callers and errors of their own."""

from collections.abc import Iterator

from fastapi import FastAPI
from fastapi.routing import RouteContext, iter_route_contexts

from modelyard.console.addresses import PREFIX


def api_routes(app: FastAPI) -> Iterator[RouteContext]:
    """Every route but those of the console."""
    return (route for route in iter_route_contexts(app.routes) if not (route.path or "").startswith(PREFIX))


def console_routes(app: FastAPI) -> Iterator[RouteContext]:
    """Every route of the console."""
    return (route for route in iter_route_contexts(app.routes) if (route.path or "").startswith(PREFIX))
