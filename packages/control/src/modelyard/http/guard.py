"""Permissions of routes: each names one. An application with a route that names none does not start (law 8)."""

from collections.abc import Iterator, Sequence

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.openapi.models import HTTPBearer
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts
from fastapi.security.base import SecurityBase
from starlette.routing import BaseRoute

from modelyard.errors import Forbidden
from modelyard.http.middleware.authentication import PUBLIC, principal_of
from modelyard.principals import Permission, Principal


class Requires(SecurityBase):
    """A dependency that gives the caller if its role carries the permission; the API's document shows it as a token."""

    def __init__(self, permission: Permission) -> None:
        self.model = HTTPBearer()
        self.scheme_name = "token"
        self.permission = permission

    async def __call__(self, request: Request) -> Principal:
        """The caller.

        Raises:
            Forbidden: code `permission_missing`.
        """
        return self.check(principal_of(request.scope))

    def check(self, caller: Principal) -> Principal:
        """The caller, who has the permission.

        Raises:
            Forbidden: code `permission_missing`.
        """
        if not caller.may(self.permission):
            raise Forbidden(
                f"this call needs the permission '{self.permission}', which {caller.title} does not have",
                code="permission_missing",
            )
        return caller


def refuse_unguarded_routes(routes: Sequence[BaseRoute], *, public: frozenset[str] = frozenset()) -> None:
    """Raise when a route neither names a permission nor is public, by `PUBLIC` or `public`.

    What is not a route of FastAPI's over HTTP (a mount, a WebSocket) cannot name one, so it is refused too.
    """
    for route in iter_route_contexts(routes):
        if route.path not in PUBLIC | public and not _names_a_permission(route):
            raise RuntimeError(f"the route {route.path} declares no permission")


def _names_a_permission(route: RouteContext) -> bool:
    return isinstance(route.original_route, APIRoute) and any(_permissions(route.dependant))


def _permissions(dependant: Dependant) -> Iterator[Permission]:
    for dependency in dependant.dependencies:
        if isinstance(dependency.call, Requires):
            yield dependency.call.permission
        yield from _permissions(dependency)
