"""The id of a request, by which it is found again in the log."""

from starlette.types import Scope

KEY = "modelyard.request_id"
"""Where the scope has it."""


def request_id_of(scope: Scope) -> str | None:
    """The id of a request that went through the middleware that gives it one."""
    found: str | None = scope.get(KEY)
    return found
