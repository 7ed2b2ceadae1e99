"""Permissions of routes: each names one. An application with a route that names none does not start (law 8)."""

from collections.abc import Iterator

from fastapi import FastAPI, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from modelyard.access.domain import Permission, Principal
from modelyard.errors import Forbidden
from modelyard.http.middleware.authentication import PUBLIC, principal_of


class Requires:
    """A dependency that gives the caller if its role carries the permission."""

    def __init__(self, permission: Permission) -> None:
        self.permission = permission

    async def __call__(self, request: Request) -> Principal:
        """The caller.

        Raises:
            Forbidden: code `permission_missing`.
        """
        principal = principal_of(request.scope)
        if not principal.may(self.permission):
            raise Forbidden(
                f"this call needs the permission '{self.permission}', which the role '{principal.role}' does not have",
                code="permission_missing",
            )
        return principal


def refuse_unguarded_routes(app: FastAPI) -> None:
    """Raise when a route neither names a permission nor is public."""
    for route in app.routes:
        if isinstance(route, APIRoute) and route.path not in PUBLIC and not list(_permissions(route.dependant)):
            raise RuntimeError(f"the route {route.path} declares no permission")


def _permissions(dependant: Dependant) -> Iterator[Permission]:
    for dependency in dependant.dependencies:
        if isinstance(dependency.call, Requires):
            yield dependency.call.permission
        yield from _permissions(dependency)
