"""Permissions of routes: each names one. An application with a route that names none does not start (law 8)."""

import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from fastapi import Request
from fastapi.openapi.models import HTTPBearer
from fastapi.params import Depends
from fastapi.routing import iter_route_contexts
from fastapi.security.base import SecurityBase
from starlette.routing import BaseRoute

from modelyard.errors import Forbidden
from modelyard.http.middleware.authentication import PUBLIC, principal_of
from modelyard.http.routing import Route
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

    What is no `Route` of ours (a mount, a WebSocket, a router within a router) cannot name one, so it is refused too.
    Routes are not read for this: of their endpoints' parameters, what says `Depends` is looked at.
    """
    for context in iter_route_contexts(routes):
        if context.path not in PUBLIC | public and not any(permissions_of(context.route)):
            raise RuntimeError(f"the route {context.path} declares no permission")


def permissions_of(route: BaseRoute) -> Iterator[Permission]:
    """What a caller needs for a route."""
    if isinstance(route, Route):
        for depends in (*route.dependencies, *_dependencies_of(route.endpoint)):
            yield from _permissions(depends)


def _permissions(depends: Depends) -> Iterator[Permission]:
    call = depends.dependency
    if isinstance(call, Requires):
        yield call.permission
    elif call is not None:
        for inner in _dependencies_of(call):
            yield from _permissions(inner)


def _dependencies_of(call: Callable[..., Any]) -> Iterator[Depends]:
    """What the parameters of a function depend on; of several annotations FastAPI takes the last one."""
    for parameter in inspect.signature(call, eval_str=True).parameters.values():
        marks = [parameter.default, *reversed(getattr(parameter.annotation, "__metadata__", ()))]
        yield from [mark for mark in marks if isinstance(mark, Depends)][:1]
